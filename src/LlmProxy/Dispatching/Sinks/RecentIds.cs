namespace LlmProxy.Dispatching.Sinks;

/// <summary>The ids of the last events, as many as there is room for.</summary>
internal sealed class RecentIds(int max)
{
    private readonly Queue<string> _order = new(max);
    private readonly HashSet<string> _ids = new(max, StringComparer.Ordinal);

    public int Count => _order.Count;

    public bool Contains(string id) => _ids.Contains(id);

    /// <summary>As the youngest; the oldest makes room.</summary>
    public void Add(string id)
    {
        if (!_ids.Add(id))
        {
            return;
        }

        _order.Enqueue(id);
        if (_order.Count > max)
        {
            _ids.Remove(_order.Dequeue());
        }
    }
}
