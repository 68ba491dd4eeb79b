namespace LlmProxy.Benchmarks.SideBySide;

/// <summary>Limits as further members of what the management API creates, too high to be reached.</summary>
internal sealed record Limits(string Members)
{
    public static readonly Limits None = new("");

    /// <summary>All that count something. One project and its tokens share them.</summary>
    public static readonly Limits Numeric = new(
        ",\"max_requests\":100000000000,\"requests_per_minute\":1000000000,\"max_concurrent\":100000," +
        "\"max_tokens\":1000000000000,\"tokens_per_minute\":1000000000,\"max_cost_usd\":\"1000000\"");

    public static readonly Limits All = new(
        Numeric.Members +
        ",\"allowed_models\":[\"gpt-4o\",\"gpt-4o-*\"],\"allowed_endpoints\":[\"/v1/chat/completions\"]");
}
