using System.Collections.Concurrent;
using LlmProxy.Storage;
using StackExchange.Redis;

namespace LlmProxy.Events.Redis;

/// <summary>
/// The connection to the Redis of the event bus. Whoever asks gets an answer, a refusal or, after
/// <see cref="AnswerBound"/> at the latest, nothing; nothing is thrown but cancellation. While Redis is away it is
/// tried once a second, by a PING before anything else, and one log line each says that it went and that it is back.
/// </summary>
/// <param name="address">Where Redis is.</param>
/// <param name="meanwhile">What happens to events while it is away: completes a log line.</param>
/// <param name="time">For the bounds.</param>
/// <param name="logger">Where it is said.</param>
internal sealed class StreamLink(
    RedisAddress address, string meanwhile, TimeProvider time, ILogger<StreamLink> logger) : IAsyncDisposable
{
    private const int RefusalLettersMax = 24;

    private readonly SemaphoreSlim _connecting = new(1, 1);

    // What Redis last refused, by what it was asked: said once, not every time.
    private readonly ConcurrentDictionary<string, string> _refusals = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private volatile ConnectionMultiplexer? _connection;
    private volatile bool _isUp;
    private bool _wasSaidToBeAway;

    // Why no connection comes about, when Redis has said so.
    private volatile string? _obstacle;
    private long _triedAt;

    public TimeSpan AnswerBound { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Between two attempts while Redis is away.</summary>
    public TimeSpan TryPause { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Redis did the last thing it was asked.</summary>
    public bool IsUp => _isUp;

    /// <summary>Host and port, for the log.</summary>
    public string Place => address.Place;

    /// <summary>It is time to try again, or there is no need to.</summary>
    public bool MayAsk => _isUp || time.GetElapsedTime(Volatile.Read(ref _triedAt)) >= TryPause || _triedAt == 0;

    /// <summary>
    /// Asks. An answer means that Redis is there. Whether a refusal means that it is away, only the caller knows, and
    /// says so with <see cref="SayItIsAway"/>.
    /// </summary>
    public async Task<StreamAnswer<T>> AskAsync<TState, T>(
        TState state, Func<IDatabase, TState, Task<T>> question, CancellationToken stop)
    {
        if (!MayAsk)
        {
            return default;
        }

        Task<T>? asked = null;
        try
        {
            if (!_isUp)
            {
                Volatile.Write(ref _triedAt, time.GetTimestamp());
            }

            var database = (_connection ?? await ConnectAsync(stop)).GetDatabase();
            if (!_isUp)
            {
                await database.PingAsync().WaitAsync(AnswerBound, time, stop);
            }

            asked = question(database, state);
            var value = await asked.WaitAsync(AnswerBound, time, stop);
            SayItIsBack();
            return new StreamAnswer<T>(true, value);
        }
        catch (RedisServerException refused)
        {
            // It is there: whoever does not take this for being away may ask for something else at once.
            Volatile.Write(ref _triedAt, 0);
            return new StreamAnswer<T>(false, default, WordOf(refused));
        }
        catch (Exception failure) when (failure is RedisException or TimeoutException or ObjectDisposedException)
        {
            _ = asked?.ContinueWith(
                static late => late.Exception, CancellationToken.None,
                TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
            SayItIsAway(ReasonOf(failure));
            return default;
        }
    }

    /// <summary>Runs a script; it is sent whole each time, so that Redis may forget it.</summary>
    public Task<StreamAnswer<RedisResult>> RunAsync(
        string script, RedisKey[] keys, RedisValue[] arguments, CancellationToken stop) =>
        AskAsync(
            (script, keys, arguments),
            static (database, run) => database.ScriptEvaluateAsync(
                run.script, run.keys, run.arguments, CommandFlags.NoScriptCache),
            stop);

    public void SayItIsAway(string reason)
    {
        lock (_lock)
        {
            _isUp = false;
            Volatile.Write(ref _triedAt, time.GetTimestamp());
            if (_wasSaidToBeAway)
            {
                return;
            }

            _wasSaidToBeAway = true;
        }

        logger.StreamIsAway(address.Place, reason, meanwhile);
    }

    /// <summary>
    /// Logs a refusal that does not mean that Redis is away, unless it was the last one of this kind too.
    /// </summary>
    /// <param name="refused">What was refused; a constant.</param>
    /// <param name="word">Why; null: it was not refused this time.</param>
    public void Note(string refused, string? word)
    {
        if (word is null)
        {
            _refusals.TryRemove(refused, out _);
        }
        else if (!_refusals.TryGetValue(refused, out var before) || before != word)
        {
            _refusals[refused] = word;
            logger.StreamRefused(address.Place, refused, word);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_connection is { } connection)
        {
            await connection.CloseAsync(allowCommandsToComplete: false);
            await connection.DisposeAsync();
        }

        _connecting.Dispose();
    }

    private async Task<ConnectionMultiplexer> ConnectAsync(CancellationToken stop)
    {
        await _connecting.WaitAsync(stop);
        try
        {
            if (_connection is { } already)
            {
                return already;
            }

            var options = address.Options.Clone();

            // Longer than anybody waits: what came late is then known to have been late.
            options.AsyncTimeout = 5_000;

            // INFO, which is read only once, counts as one.
            options.AllowAdmin = true;
            options.ConnectionAttemptCompleted += (_, attempt) =>
                _obstacle = attempt.IsSuccess ? null : ObstacleOf(attempt.Exception) ?? _obstacle;
            return _connection = await ConnectionMultiplexer.ConnectAsync(options);
        }
        finally
        {
            _connecting.Release();
        }
    }

    private void SayItIsBack()
    {
        // Nearly always so, and then no lock is taken.
        if (_isUp)
        {
            return;
        }

        bool wasSaid;
        lock (_lock)
        {
            _isUp = true;
            wasSaid = _wasSaidToBeAway;
            _wasSaidToBeAway = false;
        }

        if (wasSaid)
        {
            logger.StreamIsBack(address.Place);
        }
    }

    // Never the whole sentence: it may quote what was sent.
    private static string WordOf(RedisServerException refused)
    {
        // What a script may not do is refused without the word.
        if (refused.Message.Contains("The user executing the script", StringComparison.Ordinal))
        {
            return "NOPERM";
        }

        var word = refused.Message.AsSpan();
        word = word.IndexOf(' ') is >= 0 and var end ? word[..end] : word;
        return word.Length is > 0 and <= RefusalLettersMax && word is not "ERR"
            && !word.ContainsAnyExceptInRange('A', 'Z')
            ? word.ToString()
            : refused.Kind.ToString();
    }

    private string ReasonOf(Exception failure) =>
        _obstacle ?? (failure is TimeoutException ? "no answer in time" : "no connection");

    private static string? ObstacleOf(Exception? failure) =>
        failure?.Message is not { } text ? null
        : text.Contains("NOAUTH", StringComparison.Ordinal) || text.Contains("WRONGPASS", StringComparison.Ordinal)
            ? "it refuses the user name or the password: see REDIS_URL or REDIS_PASSWORD"
        : text.Contains("NOPERM", StringComparison.Ordinal) ? "its user may not do what is needed: NOPERM"
        : null;
}
