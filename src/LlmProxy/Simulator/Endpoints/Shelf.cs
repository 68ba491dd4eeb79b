using System.Globalization;

namespace LlmProxy.Simulator.Endpoints;

/// <summary>What clients have left here, in order of arrival. When it is full, the oldest goes.</summary>
internal sealed class Shelf<T>(int capacity)
    where T : class
{
    // Guarded by itself.
    private readonly OrderedDictionary<string, T> _items = new(StringComparer.Ordinal);

    private long _added;

    /// <summary>The newest first, as the lists of the API have it.</summary>
    public IReadOnlyList<T> Newest
    {
        get
        {
            lock (_items)
            {
                return [.. _items.Values.Reverse()];
            }
        }
    }

    /// <summary>Keeps what <paramref name="make"/> makes of the next id, which begins with <paramref name="prefix"/>.</summary>
    public T Add(string prefix, Func<string, T> make)
    {
        lock (_items)
        {
            if (_items.Count == capacity)
            {
                _items.RemoveAt(0);
            }

            var id = string.Create(CultureInfo.InvariantCulture, $"{prefix}{++_added:x24}");
            return _items[id] = make(id);
        }
    }

    public T? Find(string id)
    {
        lock (_items)
        {
            return _items.GetValueOrDefault(id);
        }
    }

    /// <summary>Puts a changed item in place of the one that <paramref name="change"/> is given; null if there is none.</summary>
    public T? Change(string id, Func<T, T> change)
    {
        lock (_items)
        {
            return _items.TryGetValue(id, out var item) ? _items[id] = change(item) : null;
        }
    }

    public bool Remove(string id)
    {
        lock (_items)
        {
            return _items.Remove(id);
        }
    }
}
