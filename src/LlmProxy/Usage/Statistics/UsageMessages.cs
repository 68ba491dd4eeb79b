using System.Globalization;
using System.Text.Json.Serialization;

namespace LlmProxy.Usage.Statistics;

/// <summary>A row of usage: sums over the exchanges that have in common what is not null.</summary>
internal sealed record UsageAnswer
{
    /// <summary>When the interval begins; null when no interval was asked for.</summary>
    /// <example>2026-01-31T12:00:00Z</example>
    public required DateTime? Start { get; init; }

    /// <summary>The project; null when not grouped by it.</summary>
    public required string? ProjectId { get; init; }

    /// <summary>The token; null when not grouped by it.</summary>
    public required string? TokenId { get; init; }

    /// <summary>The provider; null when not grouped by it.</summary>
    /// <example>openai</example>
    public required string? Provider { get; init; }

    /// <summary>
    /// The model; null when not grouped by it, empty where none was named, `other` where a token named too many.
    /// </summary>
    /// <example>gpt-4o</example>
    public required string? Model { get; init; }

    /// <summary>All requests.</summary>
    /// <example>17</example>
    public required long Requests { get; init; }

    /// <summary>Of the requests: refused by the proxy.</summary>
    public required long RefusedRequests { get; init; }

    /// <summary>Of the requests: answered with a status from 400 on, and not by the proxy.</summary>
    public required long FailedRequests { get; init; }

    /// <summary>All tokens that went in.</summary>
    public required long PromptTokens { get; init; }

    /// <summary>All tokens that came out.</summary>
    public required long CompletionTokens { get; init; }

    /// <summary>Of the prompt: read from the provider's cache.</summary>
    public required long CachedTokens { get; init; }

    /// <summary>Of the prompt: written to the provider's cache.</summary>
    public required long CacheWrittenTokens { get; init; }

    /// <summary>Of the completion: thought and not shown.</summary>
    public required long ReasoningTokens { get; init; }

    /// <summary>Of the prompt: audio.</summary>
    public required long AudioPromptTokens { get; init; }

    /// <summary>Of the completion: audio.</summary>
    public required long AudioCompletionTokens { get; init; }

    /// <summary>What the requests cost whose cost is known, in US dollars with six decimals.</summary>
    /// <example>0.001234</example>
    public required string CostUsd { get; init; }

    /// <summary>Of the requests: used tokens whose cost is not known.</summary>
    public required long UnpricedRequests { get; init; }

    /// <summary>Of the requests: the tokens were counted by the proxy, because the provider did not say.</summary>
    public required long CountedRequests { get; init; }

    /// <summary>Of the requests: successful, and nobody says what was used.</summary>
    public required long UnmeasuredRequests { get; init; }

    public static UsageAnswer Of(UsageRow row, UsageQuery query) => new()
    {
        Start = query.ByStart ? TimeOf(row.Start) : null,
        ProjectId = query.ByProject ? row.ProjectId : null,
        TokenId = query.ByToken ? row.TokenId : null,
        Provider = query.ByProvider ? row.Provider : null,
        Model = query.ByModel ? row.Model : null,
        Requests = row.Requests,
        RefusedRequests = row.Refused,
        FailedRequests = row.Errors,
        PromptTokens = row.PromptTokens,
        CompletionTokens = row.CompletionTokens,
        CachedTokens = row.CachedTokens,
        CacheWrittenTokens = row.CacheWrittenTokens,
        ReasoningTokens = row.ReasoningTokens,
        AudioPromptTokens = row.AudioPromptTokens,
        AudioCompletionTokens = row.AudioCompletionTokens,
        CostUsd = string.Create(
            CultureInfo.InvariantCulture, $"{row.Cost / 1_000_000}.{row.Cost % 1_000_000:D6}"),
        UnpricedRequests = row.Unpriced,
        CountedRequests = row.Counted,
        UnmeasuredRequests = row.Unmeasured,
    };

    public static DateTime TimeOf(long milliseconds) =>
        DateTimeOffset.FromUnixTimeMilliseconds(milliseconds).UtcDateTime;
}

/// <summary>A page of usage.</summary>
internal sealed record UsagePage
{
    /// <summary>Since when, as it was rounded, and not before the statistics begin.</summary>
    /// <example>2026-01-01T00:00:00Z</example>
    public required DateTime From { get; init; }

    /// <summary>Until when, as it was rounded.</summary>
    /// <example>2026-02-01T00:00:00Z</example>
    public required DateTime To { get; init; }

    /// <summary>`minute`, `hour` or `day`; null for the whole time in one row.</summary>
    public required string? Interval { get; init; }

    /// <summary>The rows of this page.</summary>
    public required IReadOnlyList<UsageAnswer> Data { get; init; }

    /// <summary>Pass it as `cursor` for the next page; null on the last one.</summary>
    public required string? NextCursor { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    NumberHandling = JsonNumberHandling.Strict,
    RespectNullableAnnotations = true)]
[JsonSerializable(typeof(UsagePage))]
internal sealed partial class UsageJson : JsonSerializerContext;
