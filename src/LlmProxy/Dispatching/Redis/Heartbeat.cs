using System.Text.Json;
using System.Text.Json.Serialization;
using LlmProxy.Events.Redis;
using StackExchange.Redis;

namespace LlmProxy.Dispatching.Redis;

/// <summary>What a dispatcher says of itself.</summary>
/// <param name="Delivered">Events that its sink has accepted since it was started.</param>
/// <param name="PerSecond">How many a second lately.</param>
/// <param name="LastError">The last thing that went wrong; null for nothing.</param>
/// <param name="At">When it said so.</param>
internal sealed record HeartbeatReport(long Delivered, double PerSecond, string? LastError, DateTimeOffset At);

/// <summary>
/// The dispatchers' sign of life, so that <c>dispatcher status</c> can be asked anywhere. One that was not heard of for
/// an hour is forgotten.
/// </summary>
internal sealed class Heartbeat(StreamLink link, EventStream stream, TimeProvider time)
{
    private static readonly TimeSpan KnownFor = TimeSpan.FromHours(1);

    private readonly RedisKey _dispatchers = stream.Dispatchers;
    private long _forgotAt;

    /// <summary>False when Redis is away.</summary>
    /// <param name="dispatcher">Its name, <c>service/consumer</c>.</param>
    /// <param name="delivered">Events that its sink has accepted.</param>
    /// <param name="perSecond">How many a second lately.</param>
    /// <param name="lastError">The last thing that went wrong.</param>
    /// <param name="stop">Ends the wait.</param>
    public async Task<bool> WriteAsync(
        string dispatcher, long delivered, double perSecond, string? lastError, CancellationToken stop)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(
            new HeartbeatReport(delivered, Math.Round(perSecond, 1), lastError, time.GetUtcNow()),
            HeartbeatJson.Default.HeartbeatReport);
        var answer = await link.AskAsync(
            (_dispatchers, dispatcher, json),
            static (database, beat) => database.HashSetAsync(beat._dispatchers, beat.dispatcher, beat.json),
            stop);
        if (answer.Came && (_forgotAt == 0 || time.GetElapsedTime(_forgotAt) > KnownFor))
        {
            _forgotAt = time.GetTimestamp();
            await ReadAsync(stop);
        }

        return answer.Came;
    }

    /// <summary>This dispatcher stops.</summary>
    public Task RemoveAsync(string dispatcher, CancellationToken stop) => ForgetAsync([dispatcher], stop);

    /// <summary>Those that were heard of lately, by name; null when Redis is away.</summary>
    public async Task<IReadOnlyDictionary<string, HeartbeatReport>?> ReadAsync(CancellationToken stop)
    {
        var answer = await link.AskAsync(
            _dispatchers, static (database, dispatchers) => database.HashGetAllAsync(dispatchers), stop);
        if (!answer.Came)
        {
            return null;
        }

        var known = new SortedDictionary<string, HeartbeatReport>(StringComparer.Ordinal);
        List<RedisValue> old = [];
        foreach (var beat in answer.Value!)
        {
            if (TryRead(beat.Value) is { } report && time.GetUtcNow() - report.At <= KnownFor)
            {
                known[beat.Name.ToString()] = report;
            }
            else
            {
                old.Add(beat.Name);
            }
        }

        if (old.Count > 0)
        {
            await ForgetAsync([.. old], stop);
        }

        return known;
    }

    private Task<StreamAnswer<long>> ForgetAsync(RedisValue[] names, CancellationToken stop) => link.AskAsync(
        (_dispatchers, names),
        static (database, old) => database.HashDeleteAsync(old._dispatchers, old.names),
        stop);

    private static HeartbeatReport? TryRead(RedisValue json)
    {
        try
        {
            return JsonSerializer.Deserialize(((ReadOnlyMemory<byte>)json).Span, HeartbeatJson.Default.HeartbeatReport);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(HeartbeatReport))]
internal sealed partial class HeartbeatJson : JsonSerializerContext;
