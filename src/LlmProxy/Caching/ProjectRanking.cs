namespace LlmProxy.Caching;

/// <summary>
/// The projects that have something in the memory store, by what they hold: a heap, so that the one that holds most is
/// known at once, however many there are. Guarded by the store's lock.
/// </summary>
internal sealed class ProjectRanking
{
    private readonly Dictionary<Guid, ProjectQueue> _queues = [];
    private readonly List<ProjectQueue> _heap = [];

    public int Count => _heap.Count;

    /// <summary>The one that holds most. There must be one.</summary>
    public ProjectQueue Largest => _heap[0];

    public bool Contains(Guid project) => _queues.ContainsKey(project);

    public ProjectQueue FindOrAdd(Guid project)
    {
        if (!_queues.TryGetValue(project, out var queue))
        {
            queue = new ProjectQueue(project) { Rank = _heap.Count };
            _queues.Add(project, queue);
            _heap.Add(queue);
            Rise(queue);
        }

        return queue;
    }

    public void Remove(ProjectQueue queue)
    {
        var last = _heap[^1];
        _heap.RemoveAt(_heap.Count - 1);
        _queues.Remove(queue.Project);
        if (last != queue)
        {
            _heap[queue.Rank] = last;
            last.Rank = queue.Rank;
            Rise(last);
            Sink(last);
        }
    }

    public void Grow(ProjectQueue queue, long bytes)
    {
        queue.Bytes += bytes;
        Rise(queue);
    }

    public void Shrink(ProjectQueue queue, long bytes)
    {
        queue.Bytes -= bytes;
        Sink(queue);
    }

    private void Rise(ProjectQueue queue)
    {
        while (queue.Rank > 0 && _heap[(queue.Rank - 1) / 2] is var above && above.Bytes < queue.Bytes)
        {
            Swap(queue, above);
        }
    }

    private void Sink(ProjectQueue queue)
    {
        while ((2 * queue.Rank) + 1 is var left && left < _heap.Count)
        {
            var below = _heap[left];
            if (left + 1 < _heap.Count && _heap[left + 1].Bytes > below.Bytes)
            {
                below = _heap[left + 1];
            }

            if (below.Bytes <= queue.Bytes)
            {
                return;
            }

            Swap(queue, below);
        }
    }

    private void Swap(ProjectQueue one, ProjectQueue other)
    {
        (one.Rank, other.Rank) = (other.Rank, one.Rank);
        _heap[one.Rank] = one;
        _heap[other.Rank] = other;
    }
}
