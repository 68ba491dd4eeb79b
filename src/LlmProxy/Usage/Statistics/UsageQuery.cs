namespace LlmProxy.Usage.Statistics;

/// <summary>Which sums are asked for, as the parameters of the statement.</summary>
internal sealed record UsageQuery
{
    /// <summary>A row for each interval; else one over the whole time.</summary>
    public bool ByStart { get; init; }

    public bool ByProject { get; init; }

    public bool ByToken { get; init; }

    public bool ByProvider { get; init; }

    public bool ByModel { get; init; }

    /// <summary>Unix milliseconds, at the beginning of an interval.</summary>
    public long From { get; init; }

    /// <summary>Unix milliseconds; what begins then is no longer part of it.</summary>
    public long To { get; init; }

    public string? ProjectId { get; init; }

    public string? TokenId { get; init; }

    public string? Model { get; init; }

    /// <summary>The last row of the page before; before everything on the first one.</summary>
    public long AfterStart { get; init; } = -1;

    public string AfterProjectId { get; init; } = string.Empty;

    public string AfterTokenId { get; init; } = string.Empty;

    public string AfterProvider { get; init; } = string.Empty;

    public string AfterModel { get; init; } = string.Empty;

    public int Limit { get; init; }
}
