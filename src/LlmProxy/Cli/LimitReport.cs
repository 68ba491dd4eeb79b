using System.Globalization;
using System.Text.Json;

namespace LlmProxy.Cli;

/// <summary>Limits and use of a token or project, as people read them: <c>17 of 1000</c>.</summary>
internal static class LimitReport
{
    private const string NoLimit = "unlimited";

    /// <summary>How the columns of <see cref="Cells"/> are called.</summary>
    public static readonly IReadOnlyList<string> Headings = ["REQUESTS", "TOKENS", "COST"];

    /// <summary>The part of a token or project that is about limits.</summary>
    public static LimitView ViewOf(JsonElement answer) => ApiView.Of(answer, CliJson.Default.LimitView);

    public static IReadOnlyList<string> Cells(LimitView limits) =>
    [
        $"{Count(limits.RequestCount ?? 0)} of {CountOrNone(limits.MaxRequests)}",
        $"{Count(limits.TokenCount ?? 0)} of {CountOrNone(limits.MaxTokens)}",
        $"{Dollars(limits.CostUsd ?? "0")} of {DollarsOrNone(limits.MaxCostUsd)}",
    ];

    /// <summary>What was used of what there is, and then the limits that were set beside.</summary>
    public static IReadOnlyList<(string Label, string Value)> Use(LimitView limits)
    {
        var cells = Cells(limits);
        return
        [
            ("Requests", cells[0]), ("Tokens", cells[1]), ("Cost", cells[2]), .. FromCache(limits), .. Rules(limits),
        ];
    }

    /// <summary>The limits of something new, of which nothing is used.</summary>
    public static IReadOnlyList<(string Label, string Value)> Limits(LimitView limits) =>
    [
        ("Max requests", CountOrNone(limits.MaxRequests)),
        ("Max tokens", CountOrNone(limits.MaxTokens)),
        ("Max cost", DollarsOrNone(limits.MaxCostUsd)),
        .. Rules(limits),
    ];

    /// <summary>An amount as people write it: cents, and more where there are fractions of them.</summary>
    public static string Dollars(string amount) =>
        decimal.TryParse(amount, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var dollars)
            ? string.Create(CultureInfo.InvariantCulture, $"${dollars:0.00####}")
            : amount;

    private static (string Label, string Value)[] FromCache(LimitView limits) =>
        limits.CacheHitCount is > 0 and var hits ? [("From cache", Count(hits))] : [];

    private static IEnumerable<(string Label, string Value)> Rules(LimitView limits)
    {
        string?[] rates =
        [
            limits.RequestsPerMinute is { } requests ? $"{Count(requests)} requests" : null,
            limits.TokensPerMinute is { } tokens ? $"{Count(tokens)} tokens" : null,
        ];
        (string Label, string? Value)[] rules =
        [
            ("Per minute", Joined(rates.OfType<string>().ToList())),
            ("At a time", limits.MaxConcurrent is { } concurrent ? $"{Count(concurrent)} requests" : null),
            ("Models", Joined(limits.AllowedModels)),
            ("Endpoints", Joined(limits.AllowedEndpoints)),
            ("Origins", Joined(limits.AllowedOrigins)),
        ];
        return rules.Where(static rule => rule.Value is not null).Select(static rule => (rule.Label, rule.Value!));
    }

    private static string? Joined(IReadOnlyList<string>? texts) =>
        texts is { Count: > 0 } ? string.Join(", ", texts) : null;

    private static string Count(long count) => count.ToString(CultureInfo.InvariantCulture);

    private static string CountOrNone(long? count) => count is null or 0 ? NoLimit : Count(count.Value);

    private static string DollarsOrNone(string? amount) => amount is null ? NoLimit : Dollars(amount);
}
