using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LlmProxy.Limits;

/// <summary>Whose account.</summary>
internal enum AccountKind : byte
{
    Token,
    Project,
}

/// <summary>The token or the project that an account is of.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct AccountId(AccountKind Kind, Guid Id)
{
    public static AccountId OfToken(Guid id) => new(AccountKind.Token, id);

    public static AccountId OfProject(Guid id) => new(AccountKind.Project, id);
}

/// <summary>In what is counted for good.</summary>
internal enum Unit
{
    Requests,
    Tokens,

    /// <summary>Micro-dollars.</summary>
    Cost,
}

/// <summary>A number of each <see cref="Unit"/>.</summary>
[InlineArray(Length)]
internal struct Amounts
{
    public const int Length = 3;

    private long _first;

    public static Amounts Of(long requests, long tokens, long cost)
    {
        var amounts = new Amounts();
        amounts[(int)Unit.Requests] = requests;
        amounts[(int)Unit.Tokens] = tokens;
        amounts[(int)Unit.Cost] = cost;
        return amounts;
    }
}

/// <summary>
/// What one token, or one project, has spent and may still spend, in this process. What is spent without a limit is
/// counted here and written behind; what is limited is spent from a <see cref="Lease"/>, which was counted in the
/// store before. There is one account for an owner as long as anything of it is unsettled or held.
/// </summary>
/// <remarks>
/// <code>
///  at rest ──► awake ──► at rest      it has a ledger, and is watched by the office, from the first hold until
///                                     everything is settled, nothing is held, and leases have been idle
/// </code>
/// Most accounts rest, and a ledger weighs several times what the account does.
/// </remarks>
internal sealed class Account
{
    private readonly LeaseOffice _office;

    // What the store counts, as it last said: for telling while the account is at rest. Guarded by the office's lock.
    private Amounts _counted;

    // Written under the office's lock; null at rest.
    private volatile Ledger? _ledger;
    private volatile LimitSet _limits;
    private int _running;
    private int _held;

    /// <param name="id">The owner.</param>
    /// <param name="row">Its limits, as stored.</param>
    /// <param name="counted">What the store says was spent, for telling what remains before the first lease.</param>
    /// <param name="office">Where leases come from.</param>
    public Account(AccountId id, IStoredLimits row, in Amounts counted, LeaseOffice office) =>
        (Id, _limits, _counted, _office) = (id, LimitSet.Of(row), counted, office);

    public AccountId Id { get; }

    public LimitSet Limits => _limits;

    /// <summary>
    /// The limits in force, with what is left of them. To be spent from only between <see cref="Hold"/> and
    /// <see cref="LetGo"/>: at rest they are made for who reads them and forgotten.
    /// </summary>
    public Terms Terms => _ledger?.Terms ?? TermsAtRest();

    /// <summary>Requests that run now. Counted with and without a limit, because one may be set any time.</summary>
    public int Running => Volatile.Read(ref _running);

    /// <summary>
    /// The row was changed: what was leased under the old limits goes back before anything is spent under the new.
    /// </summary>
    public void Follow(IStoredLimits row, in Amounts counted)
    {
        lock (_office.Resting)
        {
            (_limits, _counted) = (LimitSet.Of(row), counted);
            if (_ledger is { } ledger)
            {
                var old = ledger.Terms;
                ledger.Terms = Terms.Of(_limits, counted, old, this, _office);
                old.Close();
            }
        }
    }

    /// <summary>A request begins; answers how many run now, it included.</summary>
    public int Enter() => Interlocked.Increment(ref _running);

    public void Leave() => Interlocked.Decrement(ref _running);

    /// <summary>A reservation is held here until <see cref="LetGo"/>.</summary>
    /// <param name="isTrial">Then it does not count as use.</param>
    public void Hold(bool isTrial)
    {
        // First held, then looked for the ledger. Who lays the account to rest takes the ledger first and then looks
        // for who holds it, so that one of the two sees the other.
        Interlocked.Increment(ref _held);
        var ledger = Awake;
        if (!isTrial && !ledger.WasUsed)
        {
            ledger.WasUsed = true;
        }
    }

    public void LetGo() => Interlocked.Decrement(ref _held);

    /// <summary>The store must add so much to its count; negative to take away.</summary>
    public void Owe(Unit unit, long amount)
    {
        if (amount != 0)
        {
            Interlocked.Add(ref Awake.Debts[(int)unit], amount);
        }

        if (amount < 0)
        {
            // The debt is written first: who has just heard that nothing is left either sees it or is told here.
            Awake.Terms.LeaseOf(unit)?.AskAgain();
        }
    }

    /// <summary>
    /// More was used than could be reserved. The store counts it up to the limit and no further; the statistics have
    /// all of it.
    /// </summary>
    public void Overrun(Unit unit, long amount)
    {
        if (amount != 0)
        {
            Interlocked.Add(ref Awake.Overruns[(int)unit], amount);
        }
    }

    /// <summary>What running requests have reserved; negative to let go of it.</summary>
    public void Reserve(Unit unit, long amount) => Interlocked.Add(ref Awake.Reserved[(int)unit], amount);

    public long ReservedOf(Unit unit) => _ledger is { } ledger ? Interlocked.Read(ref ledger.Reserved[(int)unit]) : 0;

    /// <summary>Takes out what the store must still be told of one unit.</summary>
    public long TakeDebt(Unit unit) => Interlocked.Exchange(ref Awake.Debts[(int)unit], 0);

    public long TakeOverrun(Unit unit) => Interlocked.Exchange(ref Awake.Overruns[(int)unit], 0);

    /// <summary>Whether the store has more to take away than was told.</summary>
    public bool HasCredit(Unit unit) => Interlocked.Read(ref Awake.Debts[(int)unit]) < 0;

    /// <summary>By how much the store's counts are ahead of what was really spent; behind, when negative.</summary>
    public Amounts Unspent() => _ledger?.Unspent() ?? default;

    /// <summary>Takes out everything that the store must be told now.</summary>
    /// <param name="idleTicks">After so many ticks without use leases go back too; 0: now.</param>
    /// <param name="isTick">Whether time has passed, or somebody just wants to know.</param>
    /// <param name="now">Unix milliseconds.</param>
    public Debt TakeDebts(int idleTicks, bool isTick, long now)
    {
        if (_ledger is not { } ledger)
        {
            return default;
        }

        var wasUsed = ledger.WasUsed;
        ledger.WasUsed = false;
        ledger.IdleTicks = wasUsed ? 0 : isTick ? ledger.IdleTicks + 1 : ledger.IdleTicks;
        if (ledger.IdleTicks >= idleTicks)
        {
            ledger.Terms.ReturnLeases();
        }

        return new Debt(Id.Id, TakeDebt(Unit.Requests), TakeDebt(Unit.Tokens), TakeDebt(Unit.Cost),
            TakeOverrun(Unit.Tokens), TakeOverrun(Unit.Cost), wasUsed ? now : null);
    }

    /// <summary>The store was not told after all. By who settles, before it lays accounts to rest.</summary>
    public void PutBack(in Debt debt)
    {
        Owe(Unit.Requests, debt.Requests);
        Owe(Unit.Tokens, debt.Tokens);
        Owe(Unit.Cost, debt.Cost);
        Overrun(Unit.Tokens, debt.TokensOver);
        Overrun(Unit.Cost, debt.CostOver);
    }

    /// <summary>
    /// Gives up the ledger when the store knows everything, nothing is held, and no rate window remembers anything.
    /// </summary>
    /// <param name="idleTicks">And when it was not used for so many ticks.</param>
    public void RestIfSettled(int idleTicks)
    {
        if (_ledger is not { } ledger || ledger.IdleTicks < idleTicks || HasSomethingToKeep(ledger))
        {
            return;
        }

        lock (_office.Resting)
        {
            _ledger = null;
            Interlocked.MemoryBarrier();
            if (HasSomethingToKeep(ledger))
            {
                // Somebody came between.
                _ledger = ledger;
                return;
            }

            _counted = ledger.Terms.Counted;
            _office.Unwatch(this);
        }
    }

    private Ledger Awake => _ledger ?? WakeUp();

    private Ledger WakeUp()
    {
        lock (_office.Resting)
        {
            if (_ledger is not { } ledger)
            {
                ledger = new Ledger(Terms.Of(_limits, _counted, Terms.None, this, _office));
                _office.Watch(this);
                _ledger = ledger;
            }

            return ledger;
        }
    }

    private Terms TermsAtRest()
    {
        lock (_office.Resting)
        {
            return _ledger?.Terms ?? Terms.Of(_limits, _counted, Terms.None, this, _office);
        }
    }

    private bool HasSomethingToKeep(Ledger ledger) =>
        Volatile.Read(ref _held) != 0 || Volatile.Read(ref _running) != 0 || ledger.HasSomethingToKeep;
}
