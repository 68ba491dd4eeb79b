namespace LlmProxy.Usage.Statistics;

/// <summary>
/// A row of the statistics: sums over exchanges, and what they have in common. For what they have not, the members of
/// the key are empty.
/// </summary>
internal sealed class UsageRow
{
    /// <summary>When the interval begins, in Unix milliseconds.</summary>
    public long Start { get; set; }

    public string ProjectId { get; set; } = string.Empty;

    public string TokenId { get; set; } = string.Empty;

    public string Provider { get; set; } = string.Empty;

    public string Model { get; set; } = string.Empty;

    public long Requests { get; set; }

    /// <summary>Ended by the proxy itself.</summary>
    public long Refused { get; set; }

    /// <summary>Answered with a status from 400 on, and not by the proxy itself.</summary>
    public long Errors { get; set; }

    public long PromptTokens { get; set; }

    public long CompletionTokens { get; set; }

    public long CachedTokens { get; set; }

    public long CacheWrittenTokens { get; set; }

    public long ReasoningTokens { get; set; }

    public long AudioPromptTokens { get; set; }

    public long AudioCompletionTokens { get; set; }

    /// <summary>In micro-dollars, of the exchanges whose cost is known.</summary>
    public long Cost { get; set; }

    /// <summary>Used tokens whose cost is not known.</summary>
    public long Unpriced { get; set; }

    /// <summary>Counted by us, because the provider did not say.</summary>
    public long Counted { get; set; }

    /// <summary>Answered with success, and nobody says what was used: lists of models, files, cut answers.</summary>
    public long Unmeasured { get; set; }

    public void Add(in ExchangeUsage exchange)
    {
        var usage = exchange.Usage;
        var isError = !exchange.IsRefused && exchange.Status >= 400;
        Requests++;
        Refused += exchange.IsRefused ? 1 : 0;
        Errors += isError ? 1 : 0;
        PromptTokens += usage.Prompt;
        CompletionTokens += usage.Completion;
        CachedTokens += usage.Cached;
        CacheWrittenTokens += usage.CacheWritten;
        ReasoningTokens += usage.Reasoning;
        AudioPromptTokens += usage.AudioPrompt;
        AudioCompletionTokens += usage.AudioCompletion;
        Cost += exchange.CostMicros ?? 0;
        Unpriced += exchange.CostMicros is null && usage.Total > 0 ? 1 : 0;
        Counted += usage.Source == UsageSource.Counted ? 1 : 0;
        Unmeasured += usage.Source == UsageSource.Unknown && !exchange.IsRefused && !isError ? 1 : 0;
    }

    public void Add(UsageRow other)
    {
        Requests += other.Requests;
        Refused += other.Refused;
        Errors += other.Errors;
        PromptTokens += other.PromptTokens;
        CompletionTokens += other.CompletionTokens;
        CachedTokens += other.CachedTokens;
        CacheWrittenTokens += other.CacheWrittenTokens;
        ReasoningTokens += other.ReasoningTokens;
        AudioPromptTokens += other.AudioPromptTokens;
        AudioCompletionTokens += other.AudioCompletionTokens;
        Cost += other.Cost;
        Unpriced += other.Unpriced;
        Counted += other.Counted;
        Unmeasured += other.Unmeasured;
    }
}
