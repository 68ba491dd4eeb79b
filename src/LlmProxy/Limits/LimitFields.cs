using System.Globalization;
using LlmProxy.Http;
using LlmProxy.Management;
using LlmProxy.Providers;

namespace LlmProxy.Limits;

/// <summary>
/// The limits as a request of the management API names them. The serializer writes flat members only where they are
/// members of the request itself, so each request declares them; what they mean stands here.
/// </summary>
internal interface ILimitFields
{
    /// <summary>Requests, for good, those already made included. Null: no limit; so is 0.</summary>
    long? MaxRequests { get; }

    /// <summary>Requests in a minute, as a rate that flows off evenly. Null: no limit; so is 0.</summary>
    long? RequestsPerMinute { get; }

    /// <summary>Requests that run at the same time. Null: no limit; so is 0.</summary>
    long? MaxConcurrent { get; }

    /// <summary>Prompt and completion tokens, for good, those used included. Null: no limit; so is 0.</summary>
    long? MaxTokens { get; }

    /// <summary>Prompt and completion tokens in a minute. Null: no limit; so is 0.</summary>
    long? TokensPerMinute { get; }

    /// <summary>US dollars, for good: a string such as "10.50", at most six decimals. Null: no limit.</summary>
    /// <example>"10.50"</example>
    string? MaxCostUsd { get; }

    /// <summary>Patterns of the models that may be named, 1 to 100. Null: any.</summary>
    IReadOnlyList<string>? AllowedModels { get; }

    /// <summary>Endpoints that may be called, of those that the provider allows, 1 to 100. Null: all.</summary>
    IReadOnlyList<string>? AllowedEndpoints { get; }

    /// <summary>
    /// Web pages from which it may be used, 1 to 100; a request without an Origin is then refused too. Null: no limit.
    /// </summary>
    IReadOnlyList<string>? AllowedOrigins { get; }
}

/// <summary>What the limits of a token or project may be, for both in one place.</summary>
internal static class LimitFields
{
    /// <summary>Far beyond any use, and still exact where numbers are doubles, as in JavaScript.</summary>
    public const long CountMax = 1_000_000_000_000;

    public const long ConcurrentMax = 1_000_000;
    public const int ListMax = 100;
    public const int EntryLengthMax = 256;

    private const int ShownCharactersMax = 64;

    /// <summary>The change of limits that the body asks for, or what is wrong with it.</summary>
    public static (Problem? Problem, LimitChange Change) Read<T>(JsonBody<T> body)
        where T : class, ILimitFields
    {
        var wanted = body.Value;
        var cost = wanted.MaxCostUsd is { } text ? UsDollars.Parse(text) : 0;
        var problem = FaultOfNumber("max_requests", wanted.MaxRequests, CountMax)
            ?? FaultOfNumber("requests_per_minute", wanted.RequestsPerMinute, RateWindow.PerMinuteMax)
            ?? FaultOfNumber("max_concurrent", wanted.MaxConcurrent, ConcurrentMax)
            ?? FaultOfNumber("max_tokens", wanted.MaxTokens, CountMax)
            ?? FaultOfNumber("tokens_per_minute", wanted.TokensPerMinute, RateWindow.PerMinuteMax)
            ?? FaultOfCost("max_cost_usd", cost)
            ?? FaultOfList("allowed_models", wanted.AllowedModels, FaultOfModel)
            ?? FaultOfList("allowed_endpoints", wanted.AllowedEndpoints, EndpointList.FaultOf)
            ?? FaultOfList("allowed_origins", wanted.AllowedOrigins, Origins.FaultOf);
        return (problem, new LimitChange
        {
            MaxRequests = Number("max_requests", wanted.MaxRequests),
            RequestsPerMinute = Number("requests_per_minute", wanted.RequestsPerMinute),
            MaxConcurrent = Number("max_concurrent", wanted.MaxConcurrent),
            MaxTokens = Number("max_tokens", wanted.MaxTokens),
            TokensPerMinute = Number("tokens_per_minute", wanted.TokensPerMinute),
            MaxCost = Number("max_cost_usd", cost),
            AllowedModels = List("allowed_models", wanted.AllowedModels),
            AllowedEndpoints = List("allowed_endpoints", wanted.AllowedEndpoints),
            AllowedOrigins = List("allowed_origins", wanted.AllowedOrigins),
        });

        // Null on the wire takes a limit away; in the change it leaves it as it is.
        long? Number(string field, long? value) => body.Has(field) ? value ?? 0 : null;

        IReadOnlyList<string>? List(string field, IReadOnlyList<string>? value) => body.Has(field) ? value ?? [] : null;
    }

    /// <summary>The patterns as they were given, for an answer.</summary>
    public static IReadOnlyList<string>? ModelPatterns(this LimitSet limits) =>
        limits.AllowedModels?.Select(static glob => glob.Pattern).ToList();

    private static Problem? FaultOfNumber(string field, long? value, long max) =>
        value is null || (value >= 0 && value <= max) ? null : Problems.InvalidField(field, $"be from 0 to {max}");

    private static Problem? FaultOfCost(string field, long? micros) => micros is not null
        ? null
        : Problems.InvalidField(field,
            "be US dollars as a decimal number in a string, such as \"10.50\", from 0 to 1000000000 with at most 6 "
            + "decimals");

    private static Problem? FaultOfList(string field, IReadOnlyList<string>? list, Func<string, string?> faultOf)
    {
        switch (list)
        {
            case null:
                return null;
            case []:
                return Problems.InvalidField(field, "not be empty, which would allow nothing; null is no limit");
            case { Count: > ListMax }:
                return Problems.InvalidField(field, $"have at most {ListMax} entries");
        }

        var known = new HashSet<string>(StringComparer.Ordinal);
        foreach (var entry in list)
        {
            var fault = entry.Length > EntryLengthMax ? $"is longer than {EntryLengthMax} characters"
                : known.Add(entry) ? faultOf(entry)
                : "is there twice";
            if (fault is not null)
            {
                return Problems.InvalidField(field, $"hold valid entries only: '{Shown(entry)}' {fault}");
            }
        }

        return null;
    }

    private static string? FaultOfModel(string pattern) => Glob.Parse(pattern, out var wrong) is null ? wrong : null;

    private static string Shown(string entry) => entry.Length <= ShownCharactersMax
        ? entry
        : string.Create(CultureInfo.InvariantCulture, $"{entry.AsSpan(0, ShownCharactersMax)}…");
}
