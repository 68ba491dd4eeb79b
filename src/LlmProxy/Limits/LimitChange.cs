namespace LlmProxy.Limits;

/// <summary>
/// What is to change of the limits of a token or project. Null leaves a limit as it is; 0, or a list without entries,
/// takes it away.
/// </summary>
internal sealed record LimitChange
{
    public static readonly LimitChange None = new();

    public long? MaxRequests { get; init; }

    public long? RequestsPerMinute { get; init; }

    public long? MaxConcurrent { get; init; }

    public long? MaxTokens { get; init; }

    public long? TokensPerMinute { get; init; }

    /// <summary>Micro-dollars.</summary>
    public long? MaxCost { get; init; }

    public IReadOnlyList<string>? AllowedModels { get; init; }

    public IReadOnlyList<string>? AllowedEndpoints { get; init; }

    public IReadOnlyList<string>? AllowedOrigins { get; init; }

    /// <summary>Changes a row, which is then to be stored. A new row has no limits yet.</summary>
    public void ApplyTo(ILimitColumns row)
    {
        row.MaxRequests = After(MaxRequests, row.MaxRequests);
        row.RequestsPerMinute = After(RequestsPerMinute, row.RequestsPerMinute);
        row.MaxConcurrent = After(MaxConcurrent, row.MaxConcurrent);
        row.MaxTokens = After(MaxTokens, row.MaxTokens);
        row.TokensPerMinute = After(TokensPerMinute, row.TokensPerMinute);
        row.MaxCost = After(MaxCost, row.MaxCost);
        row.AllowedModels = After(AllowedModels, row.AllowedModels);
        row.AllowedEndpoints = After(AllowedEndpoints, row.AllowedEndpoints);
        row.AllowedOrigins = After(AllowedOrigins, row.AllowedOrigins);
    }

    private static long? After(long? change, long? before) =>
        change switch { null => before, 0 => null, var limit => limit };

    private static string? After(IReadOnlyList<string>? change, string? before) =>
        change switch { null => before, [] => null, var list => StoredList.Write(list) };
}

/// <summary>A row whose limits can be changed.</summary>
internal interface ILimitColumns : IStoredLimits
{
    new long? MaxRequests { get; set; }

    new long? RequestsPerMinute { get; set; }

    new long? MaxConcurrent { get; set; }

    new long? MaxTokens { get; set; }

    new long? TokensPerMinute { get; set; }

    /// <summary>Micro-dollars.</summary>
    new long? MaxCost { get; set; }

    /// <summary>A list in the form of <see cref="StoredList"/>; null for no limit.</summary>
    new string? AllowedModels { get; set; }

    new string? AllowedEndpoints { get; set; }

    new string? AllowedOrigins { get; set; }
}
