using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace LlmProxy.Cli;

/// <summary>A project as the management API shows it; what is only passed on as JSON is not named here.</summary>
internal sealed record ProjectView
{
    public required string Id { get; init; }

    public required string Name { get; init; }

    public bool IsActive { get; init; }

    public string? ApiKeyLastFour { get; init; }

    public DateTimeOffset? ExpiresAt { get; init; }

    public string? CaptureBodies { get; init; }

    public DateTimeOffset? LastUsedAt { get; init; }

    public DateTimeOffset? CreatedAt { get; init; }

    public DateTimeOffset? UpdatedAt { get; init; }
}

/// <summary>
/// A token as the management API shows it; with its secret only in the answer to its making. What carries a secret is a
/// class here: a record would print it.
/// </summary>
internal sealed class TokenView
{
    public required string Id { get; init; }

    public string? Token { get; init; }

    public required string ProjectId { get; init; }

    public bool? IsActive { get; init; }

    public bool? UseCache { get; init; }

    public DateTimeOffset? ExpiresAt { get; init; }

    public DateTimeOffset? CreatedAt { get; init; }

    public DateTimeOffset? LastUsedAt { get; init; }
}

/// <summary>What tokens and projects have alike: limits, and what was used.</summary>
internal sealed record LimitView
{
    public long? MaxRequests { get; init; }

    public long? RequestsPerMinute { get; init; }

    public long? MaxConcurrent { get; init; }

    public long? MaxTokens { get; init; }

    public long? TokensPerMinute { get; init; }

    public string? MaxCostUsd { get; init; }

    public IReadOnlyList<string>? AllowedModels { get; init; }

    public IReadOnlyList<string>? AllowedEndpoints { get; init; }

    public IReadOnlyList<string>? AllowedOrigins { get; init; }

    public long? RequestCount { get; init; }

    public long? TokenCount { get; init; }

    public string? CostUsd { get; init; }

    public long? CacheHitCount { get; init; }
}

/// <summary>A project to be made.</summary>
internal sealed class NewProject
{
    public required string Name { get; init; }

    public required string ApiKey { get; init; }

    public string? ExpiresAt { get; init; }

    public string? CaptureBodies { get; init; }
}

/// <summary>What is to change of a project; null means that it stays.</summary>
internal sealed class ProjectChange
{
    public string? Name { get; init; }

    public string? ApiKey { get; init; }

    public bool? IsActive { get; init; }

    public bool? RevokeTokens { get; init; }
}

internal sealed record NewToken(string ProjectId, long? DurationMinutes, string? ExpiresAt, bool? UseCache = null);

/// <summary>What is to change of a token; null means that it stays.</summary>
internal sealed record TokenChange(bool? IsActive, long? DurationMinutes, string? ExpiresAt, bool? UseCache = null);

/// <summary>What a command did to something that is gone now.</summary>
internal sealed record Deed(string Id, string Status);

/// <summary>Both forms of an error: problem details, and OpenAI's object.</summary>
internal sealed record ErrorAnswer(
    string? Code, string? Detail, string? Field, ErrorObject? Error, JsonElement? Status, string? LastFault);

internal sealed record ErrorObject(string? Message, string? Type, JsonElement? Code);

internal sealed record ChatRequest(
    string Model,
    IReadOnlyList<ChatMessage> Messages,
    double? Temperature,
    long? MaxTokens,
    bool Stream);

internal sealed record ChatMessage(string Role, string? Content);

/// <summary>A whole answer, or one event of a streamed one: they differ in where the text stands.</summary>
internal sealed record ChatAnswer(IReadOnlyList<ChatChoice>? Choices);

internal sealed record ChatChoice(ChatText? Message, ChatText? Delta, string? FinishReason);

internal sealed record ChatText(string? Content, string? Refusal);

/// <summary>JSON as the command line reads and writes it, without reflection.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    RespectNullableAnnotations = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(JsonElement))]
[JsonSerializable(typeof(IReadOnlyList<JsonElement>))]
[JsonSerializable(typeof(JsonObject))]
[JsonSerializable(typeof(ProjectView))]
[JsonSerializable(typeof(TokenView))]
[JsonSerializable(typeof(LimitView))]
[JsonSerializable(typeof(Question))]
[JsonSerializable(typeof(Explanation))]
[JsonSerializable(typeof(CachePurge))]
[JsonSerializable(typeof(CacheReport))]
[JsonSerializable(typeof(NewProject))]
[JsonSerializable(typeof(ProjectChange))]
[JsonSerializable(typeof(NewToken))]
[JsonSerializable(typeof(TokenChange))]
[JsonSerializable(typeof(Deed))]
[JsonSerializable(typeof(ErrorAnswer))]
[JsonSerializable(typeof(ChatRequest))]
[JsonSerializable(typeof(ChatAnswer))]
internal sealed partial class CliJson : JsonSerializerContext;
