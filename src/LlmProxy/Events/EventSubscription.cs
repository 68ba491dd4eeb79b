using System.Collections.Concurrent;

namespace LlmProxy.Events;

/// <summary>
/// What one subscriber has not taken yet. The bus offers, one reader takes; when there is no room, the newest event is
/// dropped and counted, for this subscriber alone.
/// </summary>
internal sealed class EventSubscription : IDisposable
{
    private readonly ConcurrentQueue<EventRecord> _waiting = new();
    private readonly int _eventsMax;
    private readonly long _bytesMax;
    private readonly EventMetrics _metrics;
    private readonly Action<EventSubscription> _leave;

    // Written by the bus and by the reader. Interlocked.
    private long _bytes;
    private int _count;
    private long _dropped;

    public EventSubscription(
        string name, int eventsMax, long bytesMax, EventMetrics metrics, Action<EventSubscription> leave) =>
        (Name, _eventsMax, _bytesMax, _metrics, _leave) = (name, eventsMax, bytesMax, metrics, leave);

    public string Name { get; }

    /// <summary>Events that wait to be taken.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Half of its room is taken: whoever can put events elsewhere does so now.</summary>
    public bool IsHalfFull => Count >= _eventsMax / 2 || Interlocked.Read(ref _bytes) >= _bytesMax / 2;

    /// <summary>Events that there was no room for.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>The bus has stopped: what waits is all that will ever come.</summary>
    public bool IsComplete { get; private set; }

    public void Offer(EventRecord record)
    {
        if (_count >= _eventsMax || Interlocked.Read(ref _bytes) + record.Json.Length > _bytesMax)
        {
            Interlocked.Increment(ref _dropped);
            _metrics.Dropped(Name);
            return;
        }

        Interlocked.Increment(ref _count);
        Interlocked.Add(ref _bytes, record.Json.Length);
        _waiting.Enqueue(record);
    }

    /// <summary>Takes what is there, up to <paramref name="max"/>, in the order of publishing. Never waits.</summary>
    /// <returns>How many were added to <paramref name="into"/>.</returns>
    public int Take(ICollection<EventRecord> into, int max)
    {
        var taken = 0;
        while (taken < max && _waiting.TryDequeue(out var record))
        {
            into.Add(record);
            Interlocked.Decrement(ref _count);
            Interlocked.Add(ref _bytes, -record.Json.Length);
            taken++;
        }

        return taken;
    }

    public void Complete() => IsComplete = true;

    public void Dispose() => _leave(this);
}
