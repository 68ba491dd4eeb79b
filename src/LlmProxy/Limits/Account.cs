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
internal sealed class Account
{
    private readonly LeaseOffice _office;

    // What the store must still add to its counts; negative when it must take away. Interlocked.
    private Amounts _debts;

    // Reported beyond what was reserved and in hand: the store adds it as far as the limit allows. Interlocked.
    private Amounts _overruns;

    // Taken from leases by requests that are not settled yet. Interlocked.
    private Amounts _reserved;

    private volatile Terms _terms = Terms.None;
    private volatile bool _wasUsed;
    private int _running;
    private int _held;
    private int _isWatched;

    // Touched by who settles, one at a time.
    private int _idleTicks;

    /// <param name="id">The owner.</param>
    /// <param name="row">Its limits, as stored.</param>
    /// <param name="spent">What the store says was spent, for telling what remains before the first lease.</param>
    /// <param name="office">Where leases come from.</param>
    public Account(AccountId id, IStoredLimits row, in Amounts spent, LeaseOffice office)
    {
        (Id, _office) = (id, office);
        _terms = Terms.Of(LimitSet.Of(row), spent, Terms.None, this, office);
    }

    public AccountId Id { get; }

    /// <summary>The limits in force, with what is left of them.</summary>
    public Terms Terms => _terms;

    /// <summary>Requests that run now. Counted with and without a limit, because one may be set any time.</summary>
    public int Running => Volatile.Read(ref _running);

    /// <summary>
    /// The row was changed: what was leased under the old limits goes back before anything is spent under the new.
    /// </summary>
    public void Follow(IStoredLimits row, in Amounts spent)
    {
        var old = _terms;
        _terms = Terms.Of(LimitSet.Of(row), spent, old, this, _office);
        old.Close();
    }

    /// <summary>A request begins; answers how many run now, it included.</summary>
    public int Enter() => Interlocked.Increment(ref _running);

    public void Leave() => Interlocked.Decrement(ref _running);

    /// <summary>A reservation is held here until <see cref="LetGo"/>.</summary>
    /// <param name="isTrial">Then it does not count as use.</param>
    public void Hold(bool isTrial)
    {
        Interlocked.Increment(ref _held);
        if (!isTrial && !_wasUsed)
        {
            _wasUsed = true;
        }

        Watch();
    }

    public void LetGo() => Interlocked.Decrement(ref _held);

    /// <summary>The store must add so much to its count; negative to take away.</summary>
    public void Owe(Unit unit, long amount)
    {
        if (amount != 0)
        {
            Interlocked.Add(ref _debts[(int)unit], amount);
            Watch();
        }

        if (amount < 0)
        {
            // The debt is written first: who has just heard that nothing is left either sees it or is told here.
            _terms.LeaseOf(unit)?.AskAgain();
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
            Interlocked.Add(ref _overruns[(int)unit], amount);
            Watch();
        }
    }

    /// <summary>What running requests have reserved; negative to let go of it.</summary>
    public void Reserve(Unit unit, long amount) => Interlocked.Add(ref _reserved[(int)unit], amount);

    public long ReservedOf(Unit unit) => Interlocked.Read(ref _reserved[(int)unit]);

    /// <summary>Takes out what the store must still be told of one unit.</summary>
    public long TakeDebt(Unit unit) => Interlocked.Exchange(ref _debts[(int)unit], 0);

    public long TakeOverrun(Unit unit) => Interlocked.Exchange(ref _overruns[(int)unit], 0);

    /// <summary>Whether the store has more to take away than was told.</summary>
    public bool HasCredit(Unit unit) => Interlocked.Read(ref _debts[(int)unit]) < 0;

    /// <summary>By how much the store's counts are ahead of what was really spent; behind, when negative.</summary>
    public Amounts Unspent()
    {
        var unspent = new Amounts();
        for (var unit = 0; unit < Amounts.Length; unit++)
        {
            unspent[unit] = (_terms.LeaseOf((Unit)unit)?.InHand ?? 0) + ReservedOf((Unit)unit)
                - Interlocked.Read(ref _debts[unit]);
        }

        return unspent;
    }

    /// <summary>Takes out everything that the store must be told now.</summary>
    /// <param name="idleTicks">After so many ticks without use leases go back too; 0: now.</param>
    /// <param name="isTick">Whether time has passed, or somebody just wants to know.</param>
    /// <param name="now">Unix milliseconds.</param>
    public Debt TakeDebts(int idleTicks, bool isTick, long now)
    {
        var wasUsed = _wasUsed;
        _wasUsed = false;
        _idleTicks = wasUsed ? 0 : isTick ? _idleTicks + 1 : _idleTicks;
        if (_idleTicks >= idleTicks)
        {
            _terms.ReturnLeases();
        }

        return new Debt(Id.Id.ToString(), TakeDebt(Unit.Requests), TakeDebt(Unit.Tokens), TakeDebt(Unit.Cost),
            TakeOverrun(Unit.Tokens), TakeOverrun(Unit.Cost), wasUsed ? now : null);
    }

    /// <summary>The store was not told after all.</summary>
    public void PutBack(in Debt debt)
    {
        Owe(Unit.Requests, debt.Requests);
        Owe(Unit.Tokens, debt.Tokens);
        Owe(Unit.Cost, debt.Cost);
        Overrun(Unit.Tokens, debt.TokensOver);
        Overrun(Unit.Cost, debt.CostOver);
    }

    /// <summary>
    /// Is no longer watched when the store knows everything, nothing is held, and no rate window remembers anything.
    /// </summary>
    public void RestIfSettled()
    {
        if (HasSomethingToKeep)
        {
            return;
        }

        _office.Unwatch(this);
        Interlocked.Exchange(ref _isWatched, 0);
        if (HasSomethingToKeep)
        {
            // Somebody came between, and saw it still watched.
            Watch();
        }
    }

    /// <summary>Makes sure that who settles knows of this account.</summary>
    public void Watch()
    {
        if (Volatile.Read(ref _isWatched) == 0 && Interlocked.Exchange(ref _isWatched, 1) == 0)
        {
            _office.Watch(this);
        }
    }

    private bool HasSomethingToKeep =>
        _wasUsed || Volatile.Read(ref _held) != 0 || Volatile.Read(ref _running) != 0
        || HasAny(ref _debts) || HasAny(ref _overruns) || _terms.HasSomethingToKeep;

    private static bool HasAny(ref Amounts amounts) =>
        Interlocked.Read(ref amounts[(int)Unit.Requests]) != 0 || Interlocked.Read(ref amounts[(int)Unit.Tokens]) != 0
        || Interlocked.Read(ref amounts[(int)Unit.Cost]) != 0;
}
