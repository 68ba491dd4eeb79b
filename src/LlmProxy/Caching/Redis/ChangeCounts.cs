namespace LlmProxy.Caching.Redis;

/// <summary>
/// Tells whether something under a key has changed since one looked. Keys share counts, so it may say so for nothing,
/// but never the other way.
/// </summary>
internal sealed class ChangeCounts
{
    private readonly long[] _counts = new long[1024];
    private long _all;

    // Neither ever falls, so the sum stays the same only when both do.
    public long Of(in CacheKey key) => Volatile.Read(ref _all) + Volatile.Read(ref Place(key));

    public void Count(in CacheKey key) => Interlocked.Increment(ref Place(key));

    public void CountAll() => Interlocked.Increment(ref _all);

    private ref long Place(in CacheKey key) => ref _counts[(uint)key.GetHashCode() % (uint)_counts.Length];
}
