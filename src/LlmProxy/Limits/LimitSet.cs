using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using LlmProxy.Http;
using LlmProxy.Providers;
using Microsoft.Extensions.Primitives;

namespace LlmProxy.Limits;

/// <summary>
/// The limits of a token or of a project, as they were set; null is no limit. A project's are a roof over its tokens:
/// both must allow a request.
/// </summary>
/// <remarks>Tokens that are alike share one: many are made by one program, and lists are heavy.</remarks>
internal sealed class LimitSet
{
    // Full is full: then every row has a set of its own, as if nothing were shared.
    private const int SharedMax = 1_024;

    public static readonly LimitSet None = new();

    private static readonly ConcurrentDictionary<Row, LimitSet> Shared = new();
    private static int _sharedCount;

    // The text that was asked for last: a token's project seldom changes its limits. Swapped as a whole.
    private volatile PolicyText? _policy;

    /// <summary>Requests, for good.</summary>
    public long? MaxRequests { get; init; }

    public long? RequestsPerMinute { get; init; }

    /// <summary>Requests that run at the same time.</summary>
    public long? MaxConcurrent { get; init; }

    /// <summary>Prompt and completion tokens together, for good.</summary>
    public long? MaxTokens { get; init; }

    public long? TokensPerMinute { get; init; }

    /// <summary>Micro-dollars, for good.</summary>
    public long? MaxCost { get; init; }

    /// <summary>Patterns of the models that may be named.</summary>
    public IReadOnlyList<Glob>? AllowedModels { get; init; }

    /// <summary>Endpoints that may be called, of those that the provider allows.</summary>
    public EndpointList? AllowedEndpoints { get; init; }

    /// <summary>Web pages from which it may be used; a request without an Origin is then refused too.</summary>
    public IReadOnlyList<string>? AllowedOrigins { get; init; }

    /// <summary>Whether the number of tokens of a request must be known before it is forwarded.</summary>
    public bool CountsTokens => MaxTokens is not null || TokensPerMinute is not null || MaxCost is not null;

    /// <summary>
    /// These limits of a token, and those of its project, as <c>RateLimit-Policy</c> lists them; empty when there are
    /// none.
    /// </summary>
    public string PolicyUnder(LimitSet roof)
    {
        if (_policy is { } known && ReferenceEquals(known.Roof, roof))
        {
            return known.Text;
        }

        var policy = new PolicyText(roof, LimitHeaders.PolicyOf(this, roof));
        _policy = policy;
        return policy.Text;
    }

    /// <summary>Judges what a request's head says: where it goes, and from which page it comes.</summary>
    /// <param name="endpoint">The decoded path behind the provider's name.</param>
    /// <param name="origin">The Origin header. Anything that is no browser can make one up.</param>
    public Refusal? JudgeHead(ReadOnlySpan<char> endpoint, StringValues origin)
    {
        if (AllowedEndpoints is { } endpoints && !endpoints.Contains(endpoint))
        {
            return Refusal.EndpointNotAllowed;
        }

        return AllowedOrigins is not { } origins
            || (origin is [{ } only] && origins.Contains(only, StringComparer.Ordinal))
                ? null
                : Refusal.OriginNotAllowed;
    }

    /// <summary>Judges the model that a request names; null when it names none, which a list does not allow.</summary>
    public Refusal? JudgeModel(string? model)
    {
        if (AllowedModels is not { } models)
        {
            return null;
        }

        if (model is not null && model.Length <= Glob.LengthMax)
        {
            foreach (var glob in models)
            {
                if (glob.Matches(model))
                {
                    return null;
                }
            }
        }

        return Refusal.ModelNotAllowed with { Param = "model" };
    }

    /// <summary>The limits of a row; one object for all rows that have the same.</summary>
    public static LimitSet Of(IStoredLimits row)
    {
        var key = new Row(
            row.MaxRequests, row.RequestsPerMinute, row.MaxConcurrent, row.MaxTokens, row.TokensPerMinute, row.MaxCost,
            row.AllowedModels, row.AllowedEndpoints, row.AllowedOrigins);
        if (key == default)
        {
            return None;
        }

        if (Shared.TryGetValue(key, out var known))
        {
            return known;
        }

        var set = Read(key);
        if (Volatile.Read(ref _sharedCount) < SharedMax && Shared.TryAdd(key, set))
        {
            Interlocked.Increment(ref _sharedCount);
        }

        return set;
    }

    private static LimitSet Read(in Row row) => new()
    {
        MaxRequests = row.MaxRequests,
        RequestsPerMinute = row.RequestsPerMinute,
        MaxConcurrent = row.MaxConcurrent,
        MaxTokens = row.MaxTokens,
        TokensPerMinute = row.TokensPerMinute,
        MaxCost = row.MaxCost,
        AllowedModels = StoredList.Read(row.AllowedModels) is { } models
            ? [.. models.Select(static pattern => Glob.Parse(pattern, out _)).OfType<Glob>()]
            : null,
        AllowedEndpoints = StoredList.Read(row.AllowedEndpoints) is { } endpoints
            ? new EndpointList(endpoints)
            : null,
        AllowedOrigins = StoredList.Read(row.AllowedOrigins),
    };

    private sealed record PolicyText(LimitSet Roof, string Text);

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Row(
        long? MaxRequests,
        long? RequestsPerMinute,
        long? MaxConcurrent,
        long? MaxTokens,
        long? TokensPerMinute,
        long? MaxCost,
        string? AllowedModels,
        string? AllowedEndpoints,
        string? AllowedOrigins);
}

/// <summary>The limits as the tables <c>tokens</c> and <c>projects</c> hold them.</summary>
internal interface IStoredLimits
{
    long? MaxRequests { get; }

    long? RequestsPerMinute { get; }

    long? MaxConcurrent { get; }

    long? MaxTokens { get; }

    long? TokensPerMinute { get; }

    /// <summary>Micro-dollars.</summary>
    long? MaxCost { get; }

    /// <summary>A list in the form of <see cref="StoredList"/>; null for no limit.</summary>
    string? AllowedModels { get; }

    string? AllowedEndpoints { get; }

    string? AllowedOrigins { get; }
}

/// <summary>
/// A list of patterns in one column: a line each. No pattern can hold a line break, because no text of the management
/// API may.
/// </summary>
internal static class StoredList
{
    public static string? Write(IReadOnlyCollection<string>? list) =>
        list is null ? null : string.Join('\n', list);

    public static IReadOnlyList<string>? Read(string? column) => column?.Split('\n');
}
