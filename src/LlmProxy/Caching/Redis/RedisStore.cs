namespace LlmProxy.Caching.Redis;

/// <summary>
/// Answers kept in Redis, for all instances, with a memory before it. A look-up costs one round trip and
/// <see cref="RedisLink.AnswerBound"/> at most; while Redis is away it finds nothing, at once.
/// </summary>
internal sealed class RedisStore(
    NearStore near, FarStore far, FarPurge purge, RedisLink link, RedisMetrics metrics, CacheClock clock) : ICacheStore
{
    private const int PutsMax = 128;
    private const long PutBytesMax = 64 * 1024 * 1024;

    private readonly OwedRemovals _owed = new();
    private readonly ChangeCounts _removals = new();
    private int _puts;
    private long _putBytes;

    public CacheSize Size => near.Size;

    /// <summary>Other instances store too.</summary>
    public bool IsEmpty => false;

    public async ValueTask<IReadOnlyList<StoredResponse>> FindAsync(CacheKey key) =>
        await near.FindAsync(key) is { Count: > 0 } variants ? variants : await FindFarAsync(key);

    public async ValueTask<bool> PutAsync(CacheKey key, StoredResponse response)
    {
        var time = Keeping.TimeOf(response, clock.Now);
        if (time <= TimeSpan.Zero || !link.IsUp || !TryBegin(response.Body.Length))
        {
            await near.ForgetAsync(key);
            return false;
        }

        await near.PutAsync(key, response);
        _ = FinishAsync(key, response, time);
        return true;
    }

    public async ValueTask<bool> RemoveAsync(CacheKey key)
    {
        _removals.Count(key);
        var wasNear = await near.ForgetAsync(key);
        var answer = await far.RemoveAsync(key);
        if (!answer.Came)
        {
            _owed.Add(new CacheSelector(key.Project, key.Provider, null, null, key.Digest));
        }

        // Again: a look-up may have brought it back before Redis had forgotten it.
        wasNear |= await near.ForgetAsync(key);
        return wasNear || answer.Value;
    }

    public async ValueTask<long> PurgeAsync(CacheSelector selector, CancellationToken aborted)
    {
        _removals.CountAll();
        var wereNear = await near.ForgetAsync(selector, aborted);
        var wereFar = await purge.PurgeAsync(selector, aborted);

        // Again, as above; and to the end, whoever has left meanwhile.
        wereNear += await near.ForgetAsync(selector, CancellationToken.None);
        var told = await far.PublishAsync(selector);
        if (!wereFar.Came || !told.Came)
        {
            _owed.Add(selector);
        }

        return Math.Max(wereNear, wereFar.Value);
    }

    /// <summary>Makes up for what could not be forgotten while Redis was away. Called once a second.</summary>
    public async Task PayAsync(CancellationToken stop)
    {
        foreach (var selector in _owed.IsEmpty ? [] : _owed.All)
        {
            var paid = await purge.PurgeAsync(selector, stop);
            if (!paid.Came || !(await far.PublishAsync(selector)).Came)
            {
                return;
            }

            _owed.Paid(selector);
        }
    }

    private async ValueTask<IReadOnlyList<StoredResponse>> FindFarAsync(CacheKey key)
    {
        var stamp = near.StampOf(key);
        var answer = await far.FindAsync(key);
        if (!answer.Came)
        {
            return [];
        }

        var variants = _owed.Sift(key, answer.Value);
        if (variants.Count > 0)
        {
            await near.KeepAsync(key, variants, stamp);
        }

        return variants;
    }

    private async Task FinishAsync(CacheKey key, StoredResponse response, TimeSpan time)
    {
        try
        {
            // What is removed while the answer is sealed must not come back with it.
            var removals = _removals.Of(key);
            if (!await far.PutAsync(key, response, time, () => _removals.Of(key) == removals))
            {
                await near.ForgetAsync(key);
            }
        }
        finally
        {
            End(response.Body.Length);
        }
    }

    private bool TryBegin(int bytes)
    {
        var (puts, sum) = (Interlocked.Increment(ref _puts), Interlocked.Add(ref _putBytes, bytes));

        // However large one is, it may go when it is alone.
        if (puts == 1 || (puts <= PutsMax && sum <= PutBytesMax))
        {
            return true;
        }

        End(bytes);
        metrics.Failed(RedisFault.Dropped);
        return false;
    }

    private void End(int bytes)
    {
        Interlocked.Decrement(ref _puts);
        Interlocked.Add(ref _putBytes, -bytes);
    }
}
