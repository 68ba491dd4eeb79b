using System.Diagnostics.CodeAnalysis;

namespace LlmProxy.Storage;

/// <summary>
/// Finds the one object in use for a stored row. It does not keep the object: who uses it does, and when nobody does
/// any more, the next use makes a new one. Not for several threads at once.
/// </summary>
internal sealed class LiveObjects<T>
    where T : class
{
    private const int FirstSweep = 1_024;

    private readonly Dictionary<Guid, WeakReference<T>> _byId = [];
    private int _nextSweep = FirstSweep;

    /// <summary>All that are in use.</summary>
    public IReadOnlyList<T> All
    {
        get
        {
            var all = new List<T>(_byId.Count);
            foreach (var reference in _byId.Values)
            {
                if (reference.TryGetTarget(out var found))
                {
                    all.Add(found);
                }
            }

            return all;
        }
    }

    public bool TryFind(Guid id, [NotNullWhen(true)] out T? found)
    {
        found = null;
        return _byId.TryGetValue(id, out var reference) && reference.TryGetTarget(out found);
    }

    public void Set(Guid id, T value)
    {
        _byId[id] = new WeakReference<T>(value);
        if (_byId.Count >= _nextSweep)
        {
            Sweep();
        }
    }

    public void Remove(Guid id) => _byId.Remove(id);

    // Each time the number has doubled, so that a row costs a constant share of it.
    private void Sweep()
    {
        foreach (var (id, reference) in _byId)
        {
            if (!reference.TryGetTarget(out _))
            {
                _byId.Remove(id);
            }
        }

        _nextSweep = Math.Max(FirstSweep, 2 * _byId.Count);
    }
}
