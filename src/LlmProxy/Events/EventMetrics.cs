using System.Diagnostics.Metrics;

namespace LlmProxy.Events;

/// <summary>What becomes of events, as metrics.</summary>
internal sealed class EventMetrics : IDisposable
{
    private readonly Meter _meter = new("LlmProxy.Events");
    private readonly Counter<long> _published;
    private readonly Counter<long> _dropped;

    public EventMetrics()
    {
        _published = _meter.CreateCounter<long>(
            "llm_proxy.events.published", "{event}", "Events that were given to the subscribers.");
        _dropped = _meter.CreateCounter<long>(
            "llm_proxy.events.dropped", "{event}", "Events that there was no room for, by where that was.");
    }

    public void Published() => _published.Add(1);

    /// <param name="where">A subscriber's name, or <c>bus</c>: one of a few words.</param>
    /// <param name="events">How many.</param>
    public void Dropped(string where, long events = 1) =>
        _dropped.Add(events, new KeyValuePair<string, object?>("where", where));

    public void Dispose() => _meter.Dispose();
}
