using System.Collections.Concurrent;

namespace LlmProxy.Caching.Redis;

/// <summary>
/// What should have been forgotten while Redis was away. It is not served from there any more, and forgotten as soon
/// as Redis is back. Beyond <see cref="Max"/> of them everything is owed.
/// </summary>
internal sealed class OwedRemovals
{
    public const int Max = 1_000;

    private readonly ConcurrentDictionary<CacheSelector, byte> _owed = new();

    public bool IsEmpty => _owed.IsEmpty;

    public ICollection<CacheSelector> All => _owed.Keys;

    public void Add(CacheSelector selector) =>
        _owed.TryAdd(_owed.Count < Max ? selector : new CacheSelector(null, null, null, null, null), 0);

    public void Paid(CacheSelector selector) => _owed.TryRemove(selector, out _);

    /// <summary>The variants that are not owed.</summary>
    public IReadOnlyList<StoredResponse> Sift(CacheKey key, IReadOnlyList<StoredResponse> variants) =>
        _owed.IsEmpty || variants.Count == 0
            ? variants
            : [.. variants.Where(variant => !_owed.Keys.Any(selector => selector.Chooses(key, variant)))];
}
