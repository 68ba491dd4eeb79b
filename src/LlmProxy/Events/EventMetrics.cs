using System.Diagnostics.Metrics;

namespace LlmProxy.Events;

/// <summary>What becomes of events, as metrics.</summary>
internal sealed class EventMetrics : IDisposable
{
    private readonly Meter _meter;
    private readonly Counter<long> _published;
    private readonly Counter<long> _dropped;
    private readonly Counter<long> _sent;
    private readonly Counter<long> _spooled;
    private readonly Counter<long> _replayed;

    // Written by the sender of events, read by whoever collects metrics.
    private long _spoolBytes;
    private volatile bool _redisIsUp;
    private volatile bool _usesRedis;

    public EventMetrics()
    {
        _meter = new Meter(new MeterOptions("LlmProxy.Events") { Scope = this });
        _published = _meter.CreateCounter<long>(
            "llm_proxy.events.published", "{event}", "Events that were given to the subscribers.");
        _dropped = _meter.CreateCounter<long>(
            "llm_proxy.events.dropped", "{event}", "Events that there was no room for, by where that was.");
        _sent = _meter.CreateCounter<long>(
            "llm_proxy.events.redis.sent", "{event}", "Events that Redis has said to have.");
        _spooled = _meter.CreateCounter<long>(
            "llm_proxy.events.spool.written", "{event}", "Events that were written to the spool.");
        _replayed = _meter.CreateCounter<long>(
            "llm_proxy.events.spool.replayed", "{event}", "Events that Redis got from the spool.");
        _meter.CreateObservableGauge(
            "llm_proxy.events.spool.bytes", () => Gauge(Interlocked.Read(ref _spoolBytes)), "By",
            "How long the events are together that wait in the spool.");
        _meter.CreateObservableGauge(
            "llm_proxy.events.redis.up", () => Gauge(_redisIsUp ? 1 : 0), "1",
            "Whether the event bus reaches Redis: 1, or 0 while it is away.");
    }

    public void Published() => _published.Add(1);

    /// <param name="where">
    /// A subscriber's name, or <c>bus</c>, <c>spool</c>, <c>redis_lost</c>: one of a few words.
    /// </param>
    /// <param name="events">How many.</param>
    public void Dropped(string where, long events = 1) =>
        _dropped.Add(events, new KeyValuePair<string, object?>("where", where));

    /// <summary>Redis has said to have them.</summary>
    public void Sent(long events) => _sent.Add(events);

    public void Spooled(long events) => _spooled.Add(events);

    /// <summary>Redis has said to have them, and they came from the spool.</summary>
    public void Replayed(long events) => _replayed.Add(events);

    /// <summary>How it stands with Redis; without a bus on Redis nobody calls this, and nothing is shown.</summary>
    public void Observe(bool redisIsUp, long spoolBytes)
    {
        _redisIsUp = redisIsUp;
        Interlocked.Exchange(ref _spoolBytes, spoolBytes);
        _usesRedis = true;
    }

    public void Dispose() => _meter.Dispose();

    private IEnumerable<Measurement<long>> Gauge(long value) => _usesRedis ? [new Measurement<long>(value)] : [];
}
