namespace LlmProxy.Events.Redis;

/// <summary>
/// The events that are on their way, and for a while those that have arrived. Redis answers before it has written, for
/// up to two seconds while its disk is busy (<c>appendfsync everysec</c>); when it dies then, it comes back without
/// them, and they are sent again from here. Not for two threads at once.
/// </summary>
internal sealed class Outbox(TimeProvider time)
{
    private const long KeptBytesMax = 16 * 1_024 * 1_024;

    private static readonly TimeSpan KeptFor = TimeSpan.FromSeconds(2.5);

    // First those that have arrived, then those that have not. What is before _first is gone.
    private readonly List<OutgoingEvent> _events = [];
    private int _first;
    private int _arrived;
    private long _keptBytes;

    /// <summary>All have arrived.</summary>
    public bool IsEmpty => _arrived == _events.Count;

    /// <summary>The events that have not arrived, in order.</summary>
    public IReadOnlyList<OutgoingEvent> Waiting => _events.GetRange(_arrived, _events.Count - _arrived);

    public void Add(IEnumerable<OutgoingEvent> events) => _events.AddRange(events);

    /// <summary>
    /// What is to be sent next: events of one sender whose numbers follow each other. Empty when nothing waits.
    /// </summary>
    public IReadOnlyList<OutgoingEvent> NextBatch(int max, long bytesMax)
    {
        var (end, bytes) = (_arrived, 0L);
        while (end < _events.Count && end - _arrived < max && bytes < bytesMax && Follows(end))
        {
            bytes += _events[end++].Record.Json.Length;
        }

        return _events.GetRange(_arrived, end - _arrived);
    }

    /// <summary>The first of those that wait have arrived.</summary>
    public void Arrived(int count)
    {
        var now = time.GetTimestamp();
        for (; count > 0; count--)
        {
            _events[_arrived].ConfirmedAt = now;
            _keptBytes += _events[_arrived].Record.Json.Length;
            _arrived++;
        }
    }

    /// <summary>
    /// Redis has this sender's events only up to this number. What is still known of those behind it waits again.
    /// </summary>
    /// <returns>
    /// The number of the first of them; that of the first that waits anyway when nothing more is known.
    /// </returns>
    public long Rewind(Guid sender, long number)
    {
        var from = _events.FindIndex(
            _first, outgoing => outgoing.Sender == sender && outgoing.Number > number);
        if (from >= 0 && from < _arrived)
        {
            _keptBytes -= SumOf(from, _arrived);
            _arrived = from;
        }

        return _events[_arrived].Number;
    }

    /// <summary>Lets go of what arrived long enough ago.</summary>
    public void Forget()
    {
        while (_first < _arrived
            && (_keptBytes > KeptBytesMax || time.GetElapsedTime(_events[_first].ConfirmedAt) > KeptFor))
        {
            _keptBytes -= _events[_first].Record.Json.Length;
            _events[_first++] = null!;
        }

        // Seldom enough that moving the rest costs nothing, and often enough that it stays short.
        if (_first > _events.Count / 2)
        {
            _events.RemoveRange(0, _first);
            _arrived -= _first;
            _first = 0;
        }
    }

    private bool Follows(int index) =>
        index == _arrived
        || (_events[index].Sender == _events[index - 1].Sender
            && _events[index].Number == _events[index - 1].Number + 1);

    private long SumOf(int from, int to)
    {
        var sum = 0L;
        for (var i = from; i < to; i++)
        {
            sum += _events[i].Record.Json.Length;
        }

        return sum;
    }
}
