using System.Runtime.InteropServices;
using LlmProxy.Storage;
using StackExchange.Redis;

namespace LlmProxy.Caching.Redis;

/// <summary>What Redis said; nothing when it did not answer in time.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Answer<T>(bool Came, T Value);

/// <summary>
/// The connection to Redis. Whoever asks gets an answer or, after <see cref="AnswerBound"/> at the latest, none;
/// nothing is thrown. While Redis is away nobody waits at all: it is tried once a second in the background, and one
/// log line each says that it went and that it is back.
/// </summary>
internal sealed class RedisLink(
    RedisAddress address, RedisMetrics metrics, TimeProvider time, ILogger<RedisLink> logger) : IAsyncDisposable
{
    private readonly Breaker _breaker = new(time);
    private ConnectionMultiplexer? _connection;
    private bool _wasSaidToBeAway;

    /// <summary>For how long a request waits.</summary>
    public TimeSpan AnswerBound { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>Something on the way may have been missed: a connection was lost, or is there again.</summary>
    public Action? Interrupted { get; set; }

    /// <summary>Redis answered the last time it was asked.</summary>
    public bool IsUp => !_breaker.IsOpen;

    public ConnectionMultiplexer? Connection => _connection;

    public int DatabaseNumber => address.Options.DefaultDatabase ?? 0;

    /// <summary>Ends when the first attempt has ended, however that was.</summary>
    public async Task ConnectAsync(CancellationToken stop)
    {
#pragma warning disable CA1031 // Whatever it is, the proxy serves without Redis, and the pulse tries again.
        try
        {
            var connection = await ConnectionMultiplexer.ConnectAsync(address.Options).WaitAsync(stop);
            connection.ConnectionFailed += (_, failed) => OnFailed(failed.ConnectionType, $"{failed.FailureType}");
            connection.ConnectionRestored += (_, _) => Interrupted?.Invoke();
            _connection = connection;
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            SayItIsAway(failure.GetType().Name);
        }
#pragma warning restore CA1031
    }

    /// <summary>Asks within the bound of a request.</summary>
    public ValueTask<Answer<T>> AskAsync<TState, T>(TState state, Func<IDatabase, TState, Task<T>> question) =>
        AskAsync(state, question, AnswerBound);

    public async ValueTask<Answer<T>> AskAsync<TState, T>(
        TState state, Func<IDatabase, TState, Task<T>> question, TimeSpan bound)
    {
        return _breaker.IsOpen || _connection is not { } connection
            ? default
            : await TryAsync(connection, state, question, bound);
    }

    /// <summary>Finds out whether Redis is there (again). Called once a second.</summary>
    public async Task ProbeAsync(CancellationToken stop)
    {
        if (_connection is null)
        {
            await ConnectAsync(stop);
        }

        if (_breaker.IsOpen && _connection is { } connection)
        {
            var answer = await TryAsync(connection, 0, static (database, _) => database.PingAsync(), AnswerBound);
            if (answer.Came && _breaker.Close())
            {
                SayItIsBack();
            }
            else if (!answer.Came)
            {
                SayItIsAway("no answer");
            }
        }

        metrics.IsUp = IsUp;
    }

    public async ValueTask DisposeAsync()
    {
        if (_connection is { } connection)
        {
            await connection.CloseAsync(allowCommandsToComplete: false);
            await connection.DisposeAsync();
        }
    }

    private async ValueTask<Answer<T>> TryAsync<TState, T>(
        ConnectionMultiplexer connection, TState state, Func<IDatabase, TState, Task<T>> question, TimeSpan bound)
    {
        Task<T>? asked = null;
#pragma warning disable CA1031 // Whatever it is, it is counted, and the caller goes on without Redis.
        try
        {
            asked = question(connection.GetDatabase(), state);
            var value = await asked.WaitAsync(bound, time);
            _breaker.Succeeded();
            return new Answer<T>(true, value);
        }
        catch (RedisServerException)
        {
            // It is there and does not want to: full, loading, or something else is under this name.
            metrics.Failed(RedisFault.Refused);
        }
        catch (Exception failure)
        {
            metrics.Failed(failure is TimeoutException ? RedisFault.Timeout : RedisFault.Connection);
            _ = asked?.ContinueWith(
                static late => late.Exception, CancellationToken.None,
                TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
            if (_breaker.Failed())
            {
                SayItIsAway("no answer");
            }
        }
#pragma warning restore CA1031
        return default;
    }

    private void OnFailed(ConnectionType connection, string reason)
    {
        Interrupted?.Invoke();
        if (connection == ConnectionType.Interactive)
        {
            _breaker.Open();
            SayItIsAway(reason);
        }
    }

    private void SayItIsAway(string reason)
    {
        metrics.IsUp = false;
        if (!Interlocked.Exchange(ref _wasSaidToBeAway, true))
        {
            logger.RedisIsAway(address.Place, reason);
        }
    }

    private void SayItIsBack()
    {
        metrics.IsUp = true;
        if (Interlocked.Exchange(ref _wasSaidToBeAway, false))
        {
            logger.RedisIsBack(address.Place);
        }
    }
}
