using System.Collections.Concurrent;
using LlmProxy.Caching;

namespace LlmProxy.Tests.Caching.Redis;

/// <summary>A memory without bounds.</summary>
internal sealed class PlainStore : ICacheStore
{
    private readonly ConcurrentDictionary<CacheKey, StoredResponse[]> _kept = new();

    public bool IsEmpty => _kept.IsEmpty;

    public CacheSize Size => new(_kept.Values.Sum(static variants => variants.Length), 0, 0);

    public ValueTask<IReadOnlyList<StoredResponse>> FindAsync(CacheKey key) =>
        ValueTask.FromResult<IReadOnlyList<StoredResponse>>(_kept.GetValueOrDefault(key) ?? []);

    public ValueTask<bool> PutAsync(CacheKey key, StoredResponse response)
    {
        _kept.AddOrUpdate(key, [response], (_, others) =>
            [response, .. others.Where(other => other.VaryDigest != response.VaryDigest)]);
        return ValueTask.FromResult(true);
    }

    public ValueTask<bool> RemoveAsync(CacheKey key) => ValueTask.FromResult(_kept.TryRemove(key, out _));

    public ValueTask<long> PurgeAsync(CacheSelector selector, CancellationToken aborted)
    {
        var chosen = _kept.Where(kept => kept.Value.Any(response => selector.Chooses(kept.Key, response))).ToList();
        return ValueTask.FromResult((long)chosen.Count(kept => _kept.TryRemove(kept.Key, out _)));
    }
}
