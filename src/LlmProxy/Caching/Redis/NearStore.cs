namespace LlmProxy.Caching.Redis;

/// <summary>
/// The memory before Redis. It answers only as long as it would hear of what others change: this instance sends itself
/// a beat a second through Redis, on the channel on which invalidations come, and trusts its memory for
/// <see cref="TrustFor"/> after the last beat that came back. So when Redis or the way to it fails silently, what was
/// removed elsewhere is served here for that long at most; when a connection is known to be lost, not at all. Before it
/// is trusted again it is emptied, and also when a beat, and maybe more, was lost.
/// </summary>
internal sealed class NearStore(ICacheStore memory, TimeProvider time)
{
    public static readonly TimeSpan TrustFor = TimeSpan.FromSeconds(3);

    private readonly ChangeCounts _changes = new();
    private readonly Lock _lock = new();
    private long _trustedUntil;

    // The last beat that was sent, when that was, the one that is heard next if none is lost, and the last one of
    // which it does not matter whether it is heard.
    private long _sent;
    private long _sentAt;
    private long _expected;
    private long _disregarded;

    /// <summary>Who sends the beats.</summary>
    public Guid Self { get; } = Guid.CreateVersion7(time.GetUtcNow());

    public bool IsTrusted => time.GetTimestamp() < Volatile.Read(ref _trustedUntil);

    public CacheSize Size => memory.Size;

    /// <summary>The variants in memory; empty also when it is not to be trusted.</summary>
    public ValueTask<IReadOnlyList<StoredResponse>> FindAsync(CacheKey key) =>
        IsTrusted ? memory.FindAsync(key) : ValueTask.FromResult<IReadOnlyList<StoredResponse>>([]);

    /// <summary>What to compare with when what is read from Redis meanwhile is to be kept.</summary>
    public long StampOf(in CacheKey key) => _changes.Of(key);

    /// <summary>
    /// Keeps what was read from Redis, unless something under the key has changed since: the news may have overtaken
    /// the answer.
    /// </summary>
    public async ValueTask KeepAsync(CacheKey key, IReadOnlyList<StoredResponse> variants, long stamp)
    {
        if (!IsTrusted)
        {
            return;
        }

        for (var i = variants.Count - 1; i >= 0; i--)
        {
            await memory.PutAsync(key, variants[i]);
        }

        // After the last put, so that what comes between does not go unseen.
        if (_changes.Of(key) != stamp)
        {
            await memory.RemoveAsync(key);
        }
    }

    /// <summary>Keeps an answer that is on its way to Redis.</summary>
    public async ValueTask PutAsync(CacheKey key, StoredResponse response)
    {
        _changes.Count(key);
        if (IsTrusted)
        {
            await memory.PutAsync(key, response);
        }
    }

    public ValueTask<bool> ForgetAsync(CacheKey key)
    {
        _changes.Count(key);
        return memory.RemoveAsync(key);
    }

    public ValueTask<long> ForgetAsync(CacheSelector chosen, CancellationToken aborted)
    {
        _changes.CountAll();
        return memory.PurgeAsync(chosen, aborted);
    }

    public async ValueTask ForgetAllAsync() =>
        await ForgetAsync(new CacheSelector(null, null, null, null, null), CancellationToken.None);

    /// <summary>The number of the beat that is sent now.</summary>
    public long NextBeat()
    {
        lock (_lock)
        {
            _sentAt = time.GetTimestamp();
            return ++_sent;
        }
    }

    /// <summary>One of our beats is back.</summary>
    public async ValueTask HearAsync(long beat)
    {
        bool mayHaveMissed;
        long sentAt;
        lock (_lock)
        {
            if (beat < _expected)
            {
                return;
            }

            mayHaveMissed = beat != _expected || !IsTrusted;
            _expected = beat + 1;
            sentAt = _sentAt;
            if (beat != _sent || beat <= _disregarded)
            {
                Volatile.Write(ref _trustedUntil, mayHaveMissed ? 0 : _trustedUntil);
                return;
            }
        }

        if (mayHaveMissed)
        {
            await ForgetAllAsync();
        }

        lock (_lock)
        {
            // Unless the connection was lost while the memory was emptied.
            if (beat > _disregarded)
            {
                Volatile.Write(ref _trustedUntil, sentAt + (long)(TrustFor.TotalSeconds * time.TimestampFrequency));
            }
        }
    }

    /// <summary>From now on news may be missed; only a beat that is sent after this proves otherwise.</summary>
    public void Distrust()
    {
        lock (_lock)
        {
            Volatile.Write(ref _trustedUntil, 0);
            _disregarded = _sent;
        }
    }
}
