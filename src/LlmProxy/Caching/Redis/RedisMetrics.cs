using System.Diagnostics.Metrics;

namespace LlmProxy.Caching.Redis;

/// <summary>What may go wrong between the cache and Redis.</summary>
internal enum RedisFault
{
    /// <summary>No answer in time.</summary>
    Timeout,

    /// <summary>No connection, or it broke.</summary>
    Connection,

    /// <summary>Redis answered with an error.</summary>
    Refused,

    /// <summary>An entry or a message that was not sealed by us, not for its place, or was changed since.</summary>
    Unreadable,

    /// <summary>An answer was not kept, because too many were on their way already.</summary>
    Dropped,
}

/// <summary>How the cache fares with Redis.</summary>
internal sealed class RedisMetrics : IDisposable
{
    private readonly Meter _meter;
    private readonly Counter<long> _faults;
    private volatile bool _isUp;

    public RedisMetrics()
    {
        _meter = new Meter(new MeterOptions("LlmProxy.Caching") { Scope = this });
        _faults = _meter.CreateCounter<long>(
            "llm_proxy.cache.redis.faults", "{fault}", "What went wrong between the cache and Redis, by fault.");
        _meter.CreateObservableGauge(
            "llm_proxy.cache.redis.up", () => _isUp ? 1 : 0, "1",
            "Whether the cache asks Redis: 1, or 0 while it is away.");
    }

    public bool IsUp
    {
        get => _isUp;
        set => _isUp = value;
    }

    public void Failed(RedisFault fault) => _faults.Add(1, new KeyValuePair<string, object?>("fault", NameOf(fault)));

    public void Dispose() => _meter.Dispose();

    private static string NameOf(RedisFault fault) => fault switch
    {
        RedisFault.Timeout => "timeout",
        RedisFault.Connection => "connection",
        RedisFault.Refused => "refused",
        RedisFault.Unreadable => "unreadable",
        _ => "dropped",
    };
}
