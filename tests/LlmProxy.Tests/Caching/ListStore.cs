using System.Collections.Concurrent;
using LlmProxy.Caching;

namespace LlmProxy.Tests.Caching;

/// <summary>Keeps answers in a list and forgets none by itself.</summary>
internal sealed class ListStore : ICacheStore
{
    private readonly ConcurrentDictionary<CacheKey, StoredResponse> _stored = new();

    public CacheSize Size => new(_stored.Count, _stored.Values.Sum(static one => one.Body.Length), Evicted: 2);

    public bool IsEmpty => _stored.IsEmpty;

    public ValueTask<IReadOnlyList<StoredResponse>> FindAsync(CacheKey key) =>
        ValueTask.FromResult<IReadOnlyList<StoredResponse>>(
            _stored.TryGetValue(key, out var response) ? [response] : []);

    public ValueTask<bool> PutAsync(CacheKey key, StoredResponse response)
    {
        _stored[key] = response;
        return ValueTask.FromResult(true);
    }

    public ValueTask<bool> RemoveAsync(CacheKey key) => ValueTask.FromResult(_stored.TryRemove(key, out _));

    public ValueTask<long> PurgeAsync(CacheSelector selector, CancellationToken aborted)
    {
        var chosen = _stored.Where(one => selector.Chooses(one.Key, one.Value)).ToList();
        chosen.ForEach(one => _stored.TryRemove(one));
        return ValueTask.FromResult((long)chosen.Count);
    }
}
