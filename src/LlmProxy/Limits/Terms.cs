namespace LlmProxy.Limits;

/// <summary>
/// The limits of one account as they are in force, with what is left of each. Swapped as a whole when the limits
/// change, so that nobody sees half a change.
/// </summary>
internal sealed class Terms
{
    /// <summary>Nothing is limited.</summary>
    public static readonly Terms None = new(LimitSet.None);

    private Terms(LimitSet limits) => Limits = limits;

    public LimitSet Limits { get; }

    public Lease? Requests { get; private init; }

    public Lease? Tokens { get; private init; }

    public Lease? Cost { get; private init; }

    public RateWindow? RequestsPerMinute { get; private init; }

    public RateWindow? TokensPerMinute { get; private init; }

    public bool HasSomethingToKeep =>
        Requests is { InHand: not 0 } || Tokens is { InHand: not 0 } || Cost is { InHand: not 0 }
        || RequestsPerMinute is { IsAtRest: false } || TokensPerMinute is { IsAtRest: false };

    /// <summary>What the store counts of what is limited, as it last said.</summary>
    public Amounts Counted =>
        Amounts.Of(Requests?.Counted ?? 0, Tokens?.Counted ?? 0, Cost?.Counted ?? 0);

    /// <summary>The terms that follow from limits. A window whose limit stays goes on as it is.</summary>
    public static Terms Of(LimitSet limits, in Amounts spent, Terms old, Account account, LeaseOffice office) =>
        ReferenceEquals(limits, LimitSet.None) ? None : new Terms(limits)
        {
            Requests = office.LeaseFor(account, Unit.Requests, limits.MaxRequests, spent),
            Tokens = office.LeaseFor(account, Unit.Tokens, limits.MaxTokens, spent),
            Cost = office.LeaseFor(account, Unit.Cost, limits.MaxCost, spent),
            RequestsPerMinute = office.WindowFor(limits.RequestsPerMinute, old.RequestsPerMinute),
            TokensPerMinute = office.WindowFor(limits.TokensPerMinute, old.TokensPerMinute),
        };

    public Lease? LeaseOf(Unit unit) => unit switch
    {
        Unit.Requests => Requests,
        Unit.Tokens => Tokens,
        _ => Cost,
    };

    /// <summary>
    /// Other terms have taken the place of these: what is in hand goes back, and what comes later too.
    /// </summary>
    public void Close()
    {
        Requests?.Close();
        Tokens?.Close();
        Cost?.Close();
    }

    /// <summary>What is in hand goes back to the store.</summary>
    public void ReturnLeases()
    {
        Requests?.Return();
        Tokens?.Return();
        Cost?.Return();
    }
}
