using System.Runtime.InteropServices;
using LlmProxy.Storage;

namespace LlmProxy.Limits;

/// <summary>How taking from a lease ended.</summary>
internal enum Taking
{
    Taken,

    /// <summary>Less is left than was asked for.</summary>
    TooLittle,

    /// <summary>The store did not say whether there is more.</summary>
    NoStore,

    /// <summary>Other terms are in force by now: ask them.</summary>
    Closed,
}

/// <summary>
/// A slice of what an account may spend of one unit for good. It was counted in the store before anything of it is
/// spent, so nothing that happens here, not even a crash, can exceed the limit. Fetched when it is needed; it goes back
/// when the account rests or its limits change.
/// </summary>
internal sealed class Lease(Account account, Unit unit, long max, long left, LeaseOffice office)
{
    private const long Never = long.MinValue;

    // The store has just said "nothing left": asking it at each request would make every refusal cost a write.
    private static readonly TimeSpan NothingLasts = TimeSpan.FromSeconds(1);

    // Counted in the store, and neither spent nor reserved. Interlocked.
    private long _inHand;

    // What the store has beyond this lease, as it last said. For telling, never for deciding.
    private long _left = Math.Max(0, left);

    private long _nothingSince = Never;
    private long _waiting;
    private volatile bool _isClosed;

    // Guarded by the office's lock: the fetch that everybody waits for.
    private Task<Fetched>? _fetch;

    private enum Fetched
    {
        Some,
        Nothing,
        NoStore,
    }

    public Unit Unit => unit;

    /// <summary>The limit.</summary>
    public long Max => max;

    public long InHand => Interlocked.Read(ref _inHand);

    /// <summary>What the store counts when nothing is in hand, as it last said.</summary>
    public long Counted => max - Interlocked.Read(ref _left);

    /// <summary>What may still be taken, as far as is known without asking the store.</summary>
    public long Remaining => Math.Clamp(InHand + Interlocked.Read(ref _left), 0, max);

    /// <summary>
    /// Takes so much, or nothing. Synchronous unless it must be fetched; one fetch serves all who wait, and whoever
    /// leaves meanwhile leaves nothing taken.
    /// </summary>
    public ValueTask<Taking> TakeAsync(long amount, CancellationToken aborted) =>
        TryTake(amount) ? ValueTask.FromResult(Taking.Taken)
        : _isClosed ? ValueTask.FromResult(Taking.Closed)
        : amount > max || IsKnownToBeEmpty ? ValueTask.FromResult(Taking.TooLittle)
        : FetchAndTakeAsync(amount, aborted);

    /// <summary>Takes what is in hand of so much; answers how much that was.</summary>
    public long TakeUpTo(long amount)
    {
        while (true)
        {
            var have = InHand;
            var taken = Math.Min(have, amount);
            if (taken <= 0)
            {
                return 0;
            }

            if (Interlocked.CompareExchange(ref _inHand, have - taken, have) == have)
            {
                return taken;
            }
        }
    }

    /// <summary>
    /// Takes back what was taken and not used. Under other terms it goes to the store: whether it may be spent again is
    /// for them to say.
    /// </summary>
    public void PutBack(long amount)
    {
        if (amount == 0)
        {
            return;
        }

        Interlocked.Add(ref _inHand, amount);
        if (_isClosed)
        {
            Return();
        }
    }

    /// <summary>What is in hand goes back to the store.</summary>
    public void Return()
    {
        var amount = Interlocked.Exchange(ref _inHand, 0);
        if (amount != 0)
        {
            Interlocked.Add(ref _left, amount);
            account.Owe(unit, -amount);
        }
    }

    /// <summary>What the store said last may not be true any more.</summary>
    public void AskAgain() => Interlocked.Exchange(ref _nothingSince, Never);

    /// <summary>From now on nothing is spent from this lease.</summary>
    public void Close()
    {
        _isClosed = true;
        Return();
    }

    private bool IsKnownToBeEmpty
    {
        get
        {
            var since = Interlocked.Read(ref _nothingSince);
            return since != Never && office.Since(since) < NothingLasts;
        }
    }

    private bool TryTake(long amount)
    {
        while (!_isClosed)
        {
            var have = InHand;
            if (have < amount)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref _inHand, have - amount, have) == have)
            {
                return true;
            }
        }

        return false;
    }

    private async ValueTask<Taking> FetchAndTakeAsync(long amount, CancellationToken aborted)
    {
        Interlocked.Add(ref _waiting, amount);
        try
        {
            while (true)
            {
                var fetched = await SharedFetch(amount).WaitAsync(aborted);
                if (TryTake(amount))
                {
                    return Taking.Taken;
                }

                if (_isClosed)
                {
                    return Taking.Closed;
                }

                switch (fetched)
                {
                    case Fetched.Nothing:
                        return Taking.TooLittle;
                    case Fetched.NoStore:
                        return Taking.NoStore;
                    default:
                        // Others were faster: once more.
                        continue;
                }
            }
        }
        finally
        {
            Interlocked.Add(ref _waiting, -amount);
        }
    }

    private Task<Fetched> SharedFetch(long amount)
    {
        lock (office.Fetching)
        {
            if (_fetch is { IsCompleted: false } running)
            {
                return running;
            }

            // What a finished fetch has left in hand is to be taken before another is begun.
            return InHand >= amount ? Task.FromResult(Fetched.Some) : _fetch = FetchAsync();
        }
    }

    /// <summary>Begun under the lock; ends without it, and may when nobody waits for it any more.</summary>
    private async Task<Fetched> FetchAsync()
    {
        account.Hold(isTrial: true);
        var (debt, over) = (account.TakeDebt(unit), account.TakeOverrun(unit));
        var wanted = Math.Max(1, Interlocked.Read(ref _waiting) - InHand);
        try
        {
            return Receive(await office.LeaseAsync(account.Id, unit, debt, over, wanted));
        }
        catch (StoreUnavailable failure)
        {
            if (!failure.MayHaveHappened)
            {
                account.Owe(unit, debt);
                account.Overrun(unit, over);
            }

            return Fetched.NoStore;
        }
        finally
        {
            // A finished task would weigh more than the lease for as long as the token lives.
            lock (office.Fetching)
            {
                _fetch = null;
            }

            account.LetGo();
        }
    }

    private Fetched Receive(Leased leased)
    {
        Interlocked.Exchange(ref _left, leased.Left);
        if (leased.Amount > 0)
        {
            PutBack(leased.Amount);
            return Fetched.Some;
        }

        // What goes back to the store between its answer and here is seen by one of the two: the debt is written before
        // we are asked to ask again.
        Interlocked.Exchange(ref _nothingSince, office.Now);
        if (!account.HasCredit(unit))
        {
            return Fetched.Nothing;
        }

        AskAgain();
        return Fetched.Some;
    }
}

/// <summary>What the store gave: a lease, 0 when nothing is left, and what it has left beyond it.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Leased(long Amount, long Left);
