using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using LlmProxy.Events;
using LlmProxy.Limits;
using LlmProxy.Secrets;

namespace LlmProxy.Projects;

/// <summary>A new tenant.</summary>
/// <remarks>
/// Not a record, because records print their members and one of these is a secret. Members that may be absent are set
/// and not init, because the generated reader overwrites an init member with null when it is absent.
/// </remarks>
internal sealed class CreateProject : ILimitFields
{
    /// <summary>Unique among the projects.</summary>
    /// <example>research</example>
    [StringLength(ProjectFields.NameLengthMax, MinimumLength = 1)]
    public required string Name { get; init; }

    /// <summary>
    /// The provider's key, with which the project's requests are sent. Required, here or as `openai_api_key`.
    /// </summary>
    /// <example>sk-proj-0123456789abcdef</example>
    [StringLength(ProjectFields.KeyLengthMax, MinimumLength = 1)]
    public string ApiKey { get; set; } = string.Empty;

    /// <summary>Another name of `api_key`.</summary>
    [StringLength(ProjectFields.KeyLengthMax, MinimumLength = 1)]
    public string OpenaiApiKey { get; set; } = string.Empty;

    /// <summary>
    /// From when on its tokens are refused: RFC 3339, in the future and at most 3650 days away. Null: never.
    /// </summary>
    /// <example>2026-12-31T23:59:59Z</example>
    public string? ExpiresAt { get; init; }

    /// <inheritdoc cref="ILimitFields.MaxRequests"/>
    [Range(0, LimitFields.CountMax)]
    public long? MaxRequests { get; init; }

    /// <inheritdoc cref="ILimitFields.RequestsPerMinute"/>
    [Range(0, RateWindow.PerMinuteMax)]
    public long? RequestsPerMinute { get; init; }

    /// <inheritdoc cref="ILimitFields.MaxConcurrent"/>
    [Range(0, LimitFields.ConcurrentMax)]
    public long? MaxConcurrent { get; init; }

    /// <inheritdoc cref="ILimitFields.MaxTokens"/>
    [Range(0, LimitFields.CountMax)]
    public long? MaxTokens { get; init; }

    /// <inheritdoc cref="ILimitFields.TokensPerMinute"/>
    [Range(0, RateWindow.PerMinuteMax)]
    public long? TokensPerMinute { get; init; }

    /// <inheritdoc cref="ILimitFields.MaxCostUsd"/>
    public string? MaxCostUsd { get; init; }

    /// <inheritdoc cref="ILimitFields.AllowedModels"/>
    public IReadOnlyList<string>? AllowedModels { get; init; }

    /// <inheritdoc cref="ILimitFields.AllowedEndpoints"/>
    public IReadOnlyList<string>? AllowedEndpoints { get; init; }

    /// <inheritdoc cref="ILimitFields.AllowedOrigins"/>
    public IReadOnlyList<string>? AllowedOrigins { get; init; }

    /// <summary>
    /// What of its messages goes into events: `none` (sizes), `metadata` (content types and some header fields) or
    /// `all` (bodies too). Null: what OBSERVABILITY_CAPTURE_BODIES says.
    /// </summary>
    /// <example>all</example>
    public string? CaptureBodies { get; init; }

    public Secret Key() => new(ApiKey.Length > 0 ? ApiKey : OpenaiApiKey);
}

/// <summary>What to change in a project; members that are absent stay as they are.</summary>
internal sealed class ChangeProject : ILimitFields
{
    /// <summary>Unique among the projects.</summary>
    /// <example>research</example>
    [StringLength(ProjectFields.NameLengthMax, MinimumLength = 1)]
    public string Name { get; set; } = string.Empty;

    /// <summary>The provider's new key.</summary>
    /// <example>sk-proj-0123456789abcdef</example>
    [StringLength(ProjectFields.KeyLengthMax, MinimumLength = 1)]
    public string ApiKey { get; set; } = string.Empty;

    /// <summary>Another name of `api_key`.</summary>
    [StringLength(ProjectFields.KeyLengthMax, MinimumLength = 1)]
    public string OpenaiApiKey { get; set; } = string.Empty;

    /// <summary>Whether the project's tokens are admitted.</summary>
    /// <example>true</example>
    public bool IsActive { get; init; }

    /// <summary>Also revoke the project's tokens, for good. Only together with `is_active: false`.</summary>
    public bool RevokeTokens { get; init; }

    /// <summary>
    /// From when on its tokens are refused: RFC 3339, in the future and at most 3650 days away. Null: never.
    /// </summary>
    /// <example>2026-12-31T23:59:59Z</example>
    public string? ExpiresAt { get; init; }

    /// <inheritdoc cref="ILimitFields.MaxRequests"/>
    [Range(0, LimitFields.CountMax)]
    public long? MaxRequests { get; init; }

    /// <inheritdoc cref="ILimitFields.RequestsPerMinute"/>
    [Range(0, RateWindow.PerMinuteMax)]
    public long? RequestsPerMinute { get; init; }

    /// <inheritdoc cref="ILimitFields.MaxConcurrent"/>
    [Range(0, LimitFields.ConcurrentMax)]
    public long? MaxConcurrent { get; init; }

    /// <inheritdoc cref="ILimitFields.MaxTokens"/>
    [Range(0, LimitFields.CountMax)]
    public long? MaxTokens { get; init; }

    /// <inheritdoc cref="ILimitFields.TokensPerMinute"/>
    [Range(0, RateWindow.PerMinuteMax)]
    public long? TokensPerMinute { get; init; }

    /// <inheritdoc cref="ILimitFields.MaxCostUsd"/>
    public string? MaxCostUsd { get; init; }

    /// <inheritdoc cref="ILimitFields.AllowedModels"/>
    public IReadOnlyList<string>? AllowedModels { get; init; }

    /// <inheritdoc cref="ILimitFields.AllowedEndpoints"/>
    public IReadOnlyList<string>? AllowedEndpoints { get; init; }

    /// <inheritdoc cref="ILimitFields.AllowedOrigins"/>
    public IReadOnlyList<string>? AllowedOrigins { get; init; }

    /// <summary>
    /// What of its messages goes into events: `none` (sizes), `metadata` (content types and some header fields) or
    /// `all` (bodies too). Null: what OBSERVABILITY_CAPTURE_BODIES says.
    /// </summary>
    /// <example>all</example>
    public string? CaptureBodies { get; init; }

    public Secret Key() => new(ApiKey.Length > 0 ? ApiKey : OpenaiApiKey);
}

/// <summary>A tenant.</summary>
internal sealed record ProjectAnswer
{
    /// <summary>The id of the project, a UUIDv7.</summary>
    /// <example>0199c0de-7a1b-7c3d-8e4f-5a6b7c8d9e0f</example>
    public required Guid Id { get; init; }

    /// <summary>Unique among the projects.</summary>
    /// <example>research</example>
    public required string Name { get; init; }

    /// <summary>
    /// The last four characters of the provider key, to tell keys apart; stars when the key is too short.
    /// </summary>
    /// <example>cdef</example>
    public required string ApiKeyLastFour { get; init; }

    /// <summary>Whether the project's tokens are admitted.</summary>
    public required bool IsActive { get; init; }

    /// <summary>When the project was switched off; null while it is active.</summary>
    public required DateTime? DeactivatedAt { get; init; }

    /// <summary>From this instant on the project's tokens are refused; null: never.</summary>
    public required DateTime? ExpiresAt { get; init; }

    /// <summary>Requests, for good; null: no limit.</summary>
    /// <example>1000</example>
    public required long? MaxRequests { get; init; }

    /// <summary>Requests in a minute; null: no limit.</summary>
    /// <example>60</example>
    public required long? RequestsPerMinute { get; init; }

    /// <summary>Requests that run at the same time; null: no limit.</summary>
    /// <example>5</example>
    public required long? MaxConcurrent { get; init; }

    /// <summary>Prompt and completion tokens, for good; null: no limit.</summary>
    /// <example>1000000</example>
    public required long? MaxTokens { get; init; }

    /// <summary>Prompt and completion tokens in a minute; null: no limit.</summary>
    /// <example>20000</example>
    public required long? TokensPerMinute { get; init; }

    /// <summary>US dollars, for good, with six decimals; null: no limit.</summary>
    /// <example>"10.500000"</example>
    public required string? MaxCostUsd { get; init; }

    /// <summary>Patterns of the models that may be named; null: any.</summary>
    public required IReadOnlyList<string>? AllowedModels { get; init; }

    /// <summary>Endpoints that may be called; null: all that the provider allows.</summary>
    public required IReadOnlyList<string>? AllowedEndpoints { get; init; }

    /// <summary>Web pages from which it may be used; null: no limit.</summary>
    public required IReadOnlyList<string>? AllowedOrigins { get; init; }

    /// <summary>What of its messages goes into events; null: what the setting says.</summary>
    public required string? CaptureBodies { get; init; }

    /// <summary>Requests that its tokens have made.</summary>
    /// <example>17</example>
    public required long RequestCount { get; init; }

    /// <summary>Prompt and completion tokens that these used.</summary>
    /// <example>52000</example>
    public required long TokenCount { get; init; }

    /// <summary>US dollars that these cost, with six decimals.</summary>
    /// <example>"0.120000"</example>
    public required string CostUsd { get; init; }

    /// <summary>How often its tokens were answered from the cache, which are no requests of `request_count`.</summary>
    /// <example>90</example>
    public required long CacheHitCount { get; init; }

    /// <summary>When one of its tokens was last used; null if never.</summary>
    public required DateTime? LastUsedAt { get; init; }

    /// <summary>When the project was created.</summary>
    /// <example>2026-01-31T12:00:00Z</example>
    public required DateTime CreatedAt { get; init; }

    /// <summary>When the project was last changed.</summary>
    /// <example>2026-01-31T12:00:00Z</example>
    public required DateTime UpdatedAt { get; init; }

    public static ProjectAnswer Of(ProjectRow row) => new()
    {
        Id = row.Id,
        Name = row.Name,
        ApiKeyLastFour = row.KeyLastFour,
        IsActive = row.IsActive,
        DeactivatedAt = row.DeactivatedAt?.UtcDateTime,
        ExpiresAt = row.ExpiresAt?.UtcDateTime,
        MaxRequests = row.Limits.MaxRequests,
        RequestsPerMinute = row.Limits.RequestsPerMinute,
        MaxConcurrent = row.Limits.MaxConcurrent,
        MaxTokens = row.Limits.MaxTokens,
        TokensPerMinute = row.Limits.TokensPerMinute,
        MaxCostUsd = UsDollars.Write(row.Limits.MaxCost),
        AllowedModels = row.Limits.ModelPatterns(),
        AllowedEndpoints = row.Limits.AllowedEndpoints?.Patterns,
        AllowedOrigins = row.Limits.AllowedOrigins,
        CaptureBodies = row.CaptureBodies is { } policy ? EventOptions.BodyWords[(int)policy] : null,
        RequestCount = row.RequestCount,
        TokenCount = row.TokenCount,
        CostUsd = UsDollars.Write(row.Cost),
        CacheHitCount = row.CacheHitCount,
        LastUsedAt = row.LastUsedAt?.UtcDateTime,
        CreatedAt = row.CreatedAt.UtcDateTime,
        UpdatedAt = row.UpdatedAt.UtcDateTime,
    };
}

/// <summary>A page of projects.</summary>
internal sealed record ProjectPage
{
    /// <summary>The projects of this page.</summary>
    public required IReadOnlyList<ProjectAnswer> Data { get; init; }

    /// <summary>Pass it as `cursor` for the next page; null on the last one.</summary>
    public required string? NextCursor { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    NumberHandling = JsonNumberHandling.Strict,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true)]
[JsonSerializable(typeof(CreateProject))]
[JsonSerializable(typeof(ChangeProject))]
[JsonSerializable(typeof(ProjectAnswer))]
[JsonSerializable(typeof(ProjectPage))]
internal sealed partial class ProjectsJson : JsonSerializerContext;
