using LlmProxy.Http;
using LlmProxy.Storage;

namespace LlmProxy.Limits;

/// <summary>
/// What one token may still spend here. A limited token spends a lease: a slice that was counted in the store before
/// the first request of it is served, so that nothing which happens here, not even a crash, can exceed the limit.
/// What an unlimited one spends is counted and written behind.
/// </summary>
internal sealed class Allowance(Guid tokenId, bool isLimited, LeaseOffice office)
{
    private const long Never = long.MinValue;

    // The store has just said "nothing left": asking it at each request would make every refusal cost a write.
    private static readonly TimeSpan SpentLasts = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();

    // Leased, so counted in the store, and not spent. Interlocked.
    private long _inHand;

    // What the store must still add to its count; negative when it must take away. Interlocked.
    private long _debt;

    private int _waiting;
    private int _isWatched;
    private volatile bool _isLimited = isLimited;
    private volatile bool _wasUsed;
    private long _spentSince = Never;

    // Guarded by _lock: the fetch that everybody waits for, and how often the limit has changed.
    private Task<Fetched>? _fetch;
    private int _changes;

    // Touched by who settles, one at a time.
    private int _idleTicks;

    private enum Fetched
    {
        Lease,
        NothingLeft,
        NoStore,
    }

    public Guid TokenId => tokenId;

    /// <summary>By how much the store's count is ahead of what was really spent; behind, when negative.</summary>
    public long Unspent => Interlocked.Read(ref _inHand) - Interlocked.Read(ref _debt);

    /// <summary>
    /// Takes one request, or says why there is none. Synchronous unless a lease must be fetched; one fetch serves all
    /// who wait, and whoever leaves meanwhile leaves nothing taken.
    /// </summary>
    public ValueTask<Refusal?> ReserveAsync(CancellationToken aborted)
    {
        if (TryTake())
        {
            return ValueTask.FromResult<Refusal?>(null);
        }

        return IsKnownToBeSpent ? ValueTask.FromResult<Refusal?>(Refusal.AllowanceSpent) : FetchAndTakeAsync(aborted);
    }

    /// <summary>
    /// Gives back a request that was reserved and not used. It goes to the store, not into hand: whether it may be
    /// spent again depends on the limit, which may have changed.
    /// </summary>
    public void Release()
    {
        Interlocked.Decrement(ref _debt);
        Interlocked.Exchange(ref _spentSince, Never);
        Watch();
    }

    /// <summary>
    /// The limit was changed in the store: what was leased under the old one goes back before anything is spent.
    /// </summary>
    public void Follow(bool isLimited)
    {
        lock (_lock)
        {
            _changes++;
            _isLimited = isLimited;
            ReturnLease();
            Interlocked.Exchange(ref _spentSince, Never);
        }
    }

    /// <summary>Takes out what the store must be told now. The lease is part of it when the token rests.</summary>
    /// <param name="idleTicks">After so many ticks without use it rests; 0: now.</param>
    /// <param name="isTick">Whether time has passed, or somebody just wants to know.</param>
    /// <param name="now">Unix milliseconds.</param>
    public Debt TakeDebt(int idleTicks, bool isTick, long now)
    {
        var wasUsed = _wasUsed;
        _wasUsed = false;
        _idleTicks = wasUsed ? 0 : isTick ? _idleTicks + 1 : _idleTicks;
        if (_idleTicks >= idleTicks)
        {
            ReturnLease();
        }

        return new Debt(tokenId.ToString(), Interlocked.Exchange(ref _debt, 0), wasUsed ? now : null);
    }

    /// <summary>The store was not told after all.</summary>
    public void PutBack(Debt debt) => Interlocked.Add(ref _debt, debt.Requests);

    /// <summary>Is no longer watched when the store knows everything.</summary>
    public void RestIfSettled()
    {
        if (HasSomethingToSettle)
        {
            return;
        }

        office.Unwatch(this);
        Interlocked.Exchange(ref _isWatched, 0);
        if (HasSomethingToSettle)
        {
            // Somebody came between, and saw it still watched.
            Watch();
        }
    }

    private bool HasSomethingToSettle =>
        Interlocked.Read(ref _inHand) != 0 || Interlocked.Read(ref _debt) != 0 || _wasUsed;

    private bool IsKnownToBeSpent
    {
        get
        {
            var since = Interlocked.Read(ref _spentSince);
            return since != Never && office.Since(since) < SpentLasts;
        }
    }

    private bool TryTake()
    {
        if (!_isLimited)
        {
            Interlocked.Increment(ref _debt);
            Use();
            return true;
        }

        while (true)
        {
            var have = Interlocked.Read(ref _inHand);
            if (have <= 0)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref _inHand, have - 1, have) == have)
            {
                Use();
                return true;
            }
        }
    }

    private async ValueTask<Refusal?> FetchAndTakeAsync(CancellationToken aborted)
    {
        Interlocked.Increment(ref _waiting);
        try
        {
            while (true)
            {
                var fetched = await SharedFetch().WaitAsync(aborted);
                if (TryTake())
                {
                    return null;
                }

                switch (fetched)
                {
                    case Fetched.NothingLeft:
                        return Refusal.AllowanceSpent;
                    case Fetched.NoStore:
                        return Refusal.StoreUnavailable;
                    default:
                        // Others were faster: once more.
                        continue;
                }
            }
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    private Task<Fetched> SharedFetch()
    {
        lock (_lock)
        {
            if (_fetch is null or { IsCompleted: true })
            {
                // What a finished fetch has left in hand is to be taken before another is begun.
                _fetch = Interlocked.Read(ref _inHand) > 0 ? Task.FromResult(Fetched.Lease) : FetchAsync(_changes);
            }

            return _fetch;
        }
    }

    /// <summary>Begun under the lock; ends without it.</summary>
    private async Task<Fetched> FetchAsync(int changes)
    {
        var debt = Interlocked.Exchange(ref _debt, 0);
        try
        {
            var lease = await office.LeaseAsync(tokenId, debt, Volatile.Read(ref _waiting));
            return Receive(lease, changes);
        }
        catch (StoreUnavailable failure)
        {
            if (!failure.MayHaveHappened)
            {
                Interlocked.Add(ref _debt, debt);
            }

            Watch();
            return Fetched.NoStore;
        }
    }

    private Fetched Receive(long lease, int changes)
    {
        lock (_lock)
        {
            Interlocked.Add(ref _inHand, lease);
            if (changes != _changes)
            {
                // Leased under another limit than the present one.
                ReturnLease();
                return Fetched.Lease;
            }

            if (lease > 0)
            {
                Watch();
                return Fetched.Lease;
            }

            // A request that is given back between here and the store is seen by one of the two: Release writes the
            // debt first and then forgets this.
            Interlocked.Exchange(ref _spentSince, office.Now);
            if (Interlocked.Read(ref _debt) >= 0)
            {
                return Fetched.NothingLeft;
            }

            Interlocked.Exchange(ref _spentSince, Never);
            return Fetched.Lease;
        }
    }

    private void ReturnLease()
    {
        Interlocked.Add(ref _debt, -Interlocked.Exchange(ref _inHand, 0));
        Watch();
    }

    private void Use()
    {
        if (!_wasUsed)
        {
            _wasUsed = true;
        }

        Watch();
    }

    private void Watch()
    {
        if (Volatile.Read(ref _isWatched) == 0 && Interlocked.Exchange(ref _isWatched, 1) == 0)
        {
            office.Watch(this);
        }
    }
}
