namespace LlmProxy.Limits;

/// <summary>What an <see cref="Account"/> must remember from its first hold until everything is settled.</summary>
internal sealed class Ledger(Terms terms)
{
    /// <summary>What the store must still add to its counts; negative when it must take away. Interlocked.</summary>
    public Amounts Debts;

    /// <summary>
    /// Reported beyond what was reserved and in hand: the store adds it as far as the limit allows. Interlocked.
    /// </summary>
    public Amounts Overruns;

    /// <summary>Taken from leases by requests that are not settled yet. Interlocked.</summary>
    public Amounts Reserved;

    private volatile Terms _terms = terms;
    private volatile bool _wasUsed;

    public Terms Terms
    {
        get => _terms;
        set => _terms = value;
    }

    /// <summary>Since who settles last looked.</summary>
    public bool WasUsed
    {
        get => _wasUsed;
        set => _wasUsed = value;
    }

    /// <summary>For how many ticks nobody used it. Touched by who settles, one at a time.</summary>
    public int IdleTicks { get; set; }

    public bool HasSomethingToKeep =>
        _wasUsed || HasAny(ref Debts) || HasAny(ref Overruns) || _terms.HasSomethingToKeep;

    /// <summary>By how much the store's counts are ahead of what was really spent; behind, when negative.</summary>
    public Amounts Unspent()
    {
        var unspent = new Amounts();
        for (var unit = 0; unit < Amounts.Length; unit++)
        {
            unspent[unit] = (_terms.LeaseOf((Unit)unit)?.InHand ?? 0) + Interlocked.Read(ref Reserved[unit])
                - Interlocked.Read(ref Debts[unit]);
        }

        return unspent;
    }

    private static bool HasAny(ref Amounts amounts) =>
        Interlocked.Read(ref amounts[(int)Unit.Requests]) != 0 || Interlocked.Read(ref amounts[(int)Unit.Tokens]) != 0
        || Interlocked.Read(ref amounts[(int)Unit.Cost]) != 0;
}
