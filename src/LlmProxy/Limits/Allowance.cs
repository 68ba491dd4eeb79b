using LlmProxy.Http;

namespace LlmProxy.Limits;

/// <summary>One request taken from an allowance, or why there was none. <paramref name="Epoch"/> says where it goes back to.</summary>
internal readonly record struct Reservation(Refusal? Refusal, int Epoch);

/// <summary>
/// What one token may still spend here. A limited token spends a lease: a slice that was counted in the store before the
/// first request of it is served, so that nothing which happens here, not even a crash, can exceed the limit. An
/// unlimited one is counted and written behind.
/// </summary>
#pragma warning disable CA1001 // A SemaphoreSlim holds nothing to dispose of unless its wait handle is asked for.
internal sealed class Allowance(Guid tokenId, bool isLimited, LeaseOffice office)
#pragma warning restore CA1001
{
    // Asking again when the store has just said "nothing left" would make every refusal cost a write.
    private static readonly TimeSpan RefusalLasts = TimeSpan.FromMilliseconds(500);

    // Whoever fetches, returns or changes holds it; taking from what is in hand needs no turn.
    private readonly SemaphoreSlim _turn = new(1, 1);

    // Leased and not spent; counted in the store already. Interlocked only.
    private long _inHand;

    // Spent without limit; not counted in the store yet. Interlocked only.
    private long _uncounted;

    // Raised by each change of the limit: a request reserved before it goes back to the store, not into the new lease.
    private int _epoch;
    private volatile bool _isLimited = isLimited;
    private long _usedAt = office.Now;
    private long? _refusedAt;

    public Guid TokenId => tokenId;

    /// <summary>By how much the store's count is ahead of what was really spent (behind, when negative).</summary>
    public long Unspent => Volatile.Read(ref _inHand) - Volatile.Read(ref _uncounted);

    /// <summary>Takes one request. Synchronous unless a lease must be fetched. A caller that gives up leaves nothing taken.</summary>
    public ValueTask<Reservation> ReserveAsync(CancellationToken aborted)
    {
        Volatile.Write(ref _usedAt, office.Now);
        var epoch = Volatile.Read(ref _epoch);
        return TryTake() ? ValueTask.FromResult(new Reservation(null, epoch)) : FetchAndTakeAsync(aborted);
    }

    /// <summary>Gives back a request that was reserved and not used.</summary>
    public void Release(Reservation reservation)
    {
        if (reservation.Epoch != Volatile.Read(ref _epoch))
        {
            office.GiveBack(tokenId);
        }
        else if (_isLimited)
        {
            Interlocked.Increment(ref _inHand);
            office.Watch(this);
        }
        else
        {
            Interlocked.Decrement(ref _uncounted);
            office.Watch(this);
        }
    }

    /// <summary>
    /// Changes the limit. <paramref name="change"/> gets what is unspent, to settle it in the same transaction, and
    /// answers whether the token is limited from now on, or null when it did not change. Nothing is served meanwhile.
    /// </summary>
    public async Task ChangeAsync(Func<long, Task<bool?>> change)
    {
        await _turn.WaitAsync();
        try
        {
            Interlocked.Increment(ref _epoch);
            var wasLimited = _isLimited;
            _isLimited = true;
            var unspent = TakeUnspent();
            bool? isLimitedNow = null;
            try
            {
                isLimitedNow = await change(unspent);
            }
            finally
            {
                if (isLimitedNow is null)
                {
                    GiveUnspent(unspent);
                }

                _isLimited = isLimitedNow ?? wasLimited;
                _refusedAt = null;
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Writes what is uncounted, and returns the lease when it has not been used for <paramref name="idle"/>.</summary>
    /// <returns>Whether there is still something that the store does not know.</returns>
    public async Task<bool> SettleAsync(TimeSpan idle)
    {
        var isIdle = office.Since(Volatile.Read(ref _usedAt)) >= idle;
        if (Volatile.Read(ref _uncounted) == 0 && !isIdle)
        {
            return Unspent != 0;
        }

        await _turn.WaitAsync();
        try
        {
            var unspent = isIdle ? TakeUnspent() : -Interlocked.Exchange(ref _uncounted, 0);
            if (unspent != 0 && !await office.TryCountAsync(tokenId, -unspent))
            {
                GiveUnspent(unspent);
            }
        }
        finally
        {
            _turn.Release();
        }

        return Unspent != 0;
    }

    private bool TryTake()
    {
        if (!_isLimited)
        {
            if (Interlocked.Increment(ref _uncounted) == 1)
            {
                office.Watch(this);
            }

            return true;
        }

        while (true)
        {
            var have = Volatile.Read(ref _inHand);
            if (have <= 0)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref _inHand, have - 1, have) == have)
            {
                return true;
            }
        }
    }

    private async ValueTask<Reservation> FetchAndTakeAsync(CancellationToken aborted)
    {
        await _turn.WaitAsync(aborted);
        try
        {
            var epoch = Volatile.Read(ref _epoch);
            if (TryTake())
            {
                return new Reservation(null, epoch);
            }

            if (_refusedAt is { } at && office.Since(at) < RefusalLasts)
            {
                return new Reservation(Refusal.AllowanceSpent, epoch);
            }

            // Not cancelled with its caller: the lease belongs to everybody who waits.
            var lease = await office.TryLeaseAsync(tokenId);
            if (lease is not > 0)
            {
                _refusedAt = lease is 0 ? office.Now : null;
                return new Reservation(lease is 0 ? Refusal.AllowanceSpent : Refusal.StoreUnavailable, epoch);
            }

            _refusedAt = null;
            Interlocked.Add(ref _inHand, lease.Value - 1);
            office.Watch(this);
            return new Reservation(null, epoch);
        }
        finally
        {
            _turn.Release();
        }
    }

    private long TakeUnspent() => Interlocked.Exchange(ref _inHand, 0) - Interlocked.Exchange(ref _uncounted, 0);

    private void GiveUnspent(long unspent)
    {
        if (unspent > 0)
        {
            Interlocked.Add(ref _inHand, unspent);
        }
        else
        {
            Interlocked.Add(ref _uncounted, -unspent);
        }

        office.Watch(this);
    }
}
