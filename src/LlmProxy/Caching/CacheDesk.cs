namespace LlmProxy.Caching;

/// <summary>What management does with the cache: look, and forget.</summary>
/// <param name="options">The settings.</param>
/// <param name="metrics">What was counted.</param>
/// <param name="store">Null while the cache is off.</param>
/// <param name="flights">What is on its way.</param>
/// <param name="redisIsUp">Whether Redis answers; null when it is not used.</param>
internal sealed class CacheDesk(
    CacheOptions options, CacheMetrics metrics, ICacheStore? store, Flights flights, Func<bool>? redisIsUp)
{
    public bool IsOn => store is not null;

    /// <summary>Forgets what is chosen, here and in Redis; answers how many answers that were.</summary>
    public async Task<long> PurgeAsync(CachePurge purge, CancellationToken aborted)
    {
        if (store is null)
        {
            return 0;
        }

        // What is on its way is not stored yet, and must not be stored after this.
        if (purge.Exact is not { } key)
        {
            flights.InvalidateAll();
            return await store.PurgeAsync(purge.Selector, aborted);
        }

        // One look-up in place of a walk through all that is stored.
        flights.Invalidate(key);
        var variants = (await store.FindAsync(key)).Count;
        return await store.RemoveAsync(key) ? Math.Max(variants, 1) : 0;
    }

    public CacheStats Read()
    {
        var size = store?.Size ?? default;
        var counted = metrics.All.Select(static tally => (Tally: tally, Counts: tally.Read()))
            .Where(static one => one.Counts != default).ToList();
        return new CacheStats
        {
            Backend = options.Backend == CacheBackend.Redis ? "redis" : "memory",
            RedisIsUp = redisIsUp?.Invoke(),
            Entries = size.Entries,
            Bytes = size.Bytes,
            BytesMax = options.BytesMax,
            Evicted = size.Evicted,
            Total = CacheUse.Of(counted.Aggregate(default(CacheCounts), static (sum, one) => sum + one.Counts)),
            Endpoints = [.. counted.Select(static one =>
                new EndpointCacheUse(one.Tally.Provider, one.Tally.Endpoint, CacheUse.Of(one.Counts)))],
        };
    }
}
