namespace LlmProxy.Providers;

/// <summary>What is done about a provider that fails.</summary>
/// <param name="Circuit">When it is not asked any more for a while; null: it always is.</param>
/// <param name="Retry">When it is asked again.</param>
internal sealed record ProviderResilience(CircuitRules? Circuit, RetryRules Retry)
{
    public static readonly ProviderResilience Default = new(CircuitRules.Default, RetryRules.Default);
}

/// <summary>When a circuit opens, which is of one provider and one project's key.</summary>
/// <param name="FailureRatio">At this share of failures: answers of 500, 502, 503, 504 or 529, and no answer.</param>
/// <param name="MinimumRequests">Of so many requests at least.</param>
/// <param name="Sampling">Within this time.</param>
/// <param name="Break">For how long nothing is asked then; after that one request finds out.</param>
internal sealed record CircuitRules(double FailureRatio, int MinimumRequests, TimeSpan Sampling, TimeSpan Break)
{
    public static readonly CircuitRules Default =
        new(0.5, 50, TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(5));
}

/// <summary>
/// When a request is sent again. Never after a byte of the answer, and never one that may have been understood, unless
/// it is idempotent and has no body (RFC 9110 §9.2.2).
/// </summary>
/// <param name="Max">How often.</param>
/// <param name="BudgetPercent">Retries are at most this share of a provider's requests, over time.</param>
/// <param name="Statuses">Answers after which an idempotent request is sent again; none unless configured.</param>
internal sealed record RetryRules(int Max, int BudgetPercent, IReadOnlyList<int> Statuses)
{
    public static readonly RetryRules Default = new(1, 10, []);
}
