using System.Text.Json;
using System.Text.Json.Serialization;
using LlmProxy.Http;
using LlmProxy.Limits;

namespace LlmProxy.Proxying;

/// <summary>A request to be explained; nobody sends it.</summary>
internal sealed record ExplainRequest
{
    /// <summary>The method.</summary>
    /// <example>POST</example>
    public required string Method { get; init; }

    /// <summary>The request target as a client sends it: path and query.</summary>
    /// <example>/v1/chat/completions</example>
    public required string Path { get; init; }

    /// <summary>The headers that matter, such as `Origin`. No credential is needed.</summary>
    public IReadOnlyDictionary<string, string>? Headers { get; set; }

    /// <summary>The body: a JSON object, or any text as a string.</summary>
    public JsonElement? Body { get; set; }
}

/// <summary>What would become of a request.</summary>
internal sealed record ExplainAnswer
{
    /// <summary>Whether it would be forwarded.</summary>
    public required bool Allowed { get; init; }

    /// <summary>The status of the refusal; null when it would be forwarded.</summary>
    /// <example>429</example>
    public required int? Status { get; init; }

    /// <summary>The code of the refusal.</summary>
    /// <example>rate_limit_exceeded</example>
    public required string? Code { get; init; }

    /// <summary>Which rule refuses: a limit with its owner, a parameter, or why the token is not valid.</summary>
    /// <example>token.requests_per_minute</example>
    public required string? Rule { get; init; }

    /// <summary>The sentence that the client would read.</summary>
    public required string? Message { get; init; }

    /// <summary>The worst case that is reserved for it; null when nothing has to be.</summary>
    public required ExplainedNeeds? Needs { get; init; }

    /// <summary>Every limit that holds for it, and what remains.</summary>
    public IReadOnlyList<LimitState> Limits { get; init; } = [];

    public static ExplainAnswer Of(Refusal? refusal, string? reason, Demand? needs) => new()
    {
        Allowed = refusal is null,
        Status = refusal?.Status,
        Code = refusal?.Code,
        Rule = refusal is null ? null : refusal.Param ?? reason ?? refusal.Code,
        Message = refusal?.Message,
        Needs = needs is { } worst ? new ExplainedNeeds(worst.Tokens, UsDollars.Write(worst.Cost)) : null,
    };
}

/// <summary>What a request may use at most.</summary>
/// <param name="Tokens">Prompt and completion together.</param>
/// <param name="CostUsd">US dollars; 0 when the price is not known, and then no limit of money holds.</param>
internal sealed record ExplainedNeeds(long Tokens, string CostUsd);

/// <summary>One limit.</summary>
/// <param name="Scope">Whose limit it is: `token`, `project` or `global`.</param>
/// <param name="Limit">The member of the token or project that sets it.</param>
/// <param name="Value">What is allowed.</param>
/// <param name="Used">What was used of it.</param>
/// <param name="Remaining">What is left.</param>
/// <param name="ResetsInSeconds">When all of it is there again; null when it does not reset.</param>
internal sealed record LimitState(
    string Scope, string Limit, string Value, string Used, string Remaining, double? ResetsInSeconds);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    NumberHandling = JsonNumberHandling.Strict,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true)]
[JsonSerializable(typeof(ExplainRequest))]
[JsonSerializable(typeof(ExplainAnswer))]
internal sealed partial class ExplainJson : JsonSerializerContext;
