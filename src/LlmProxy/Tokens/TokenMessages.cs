using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using LlmProxy.Limits;
using LlmProxy.Secrets;

namespace LlmProxy.Tokens;

/// <summary>A new token.</summary>
/// <remarks>Members that may be absent and not null are set and not init, because the generated reader overwrites an
/// init member with null when it is absent.</remarks>
internal sealed record IssueToken : ILimitFields
{
    /// <summary>The project that the token is for.</summary>
    /// <example>0199c0de-7a1b-7c3d-8e4f-5a6b7c8d9e0f</example>
    public required Guid ProjectId { get; init; }

    /// <summary>How long the token lives, from now. Required, unless `expires_at` is there.</summary>
    /// <example>60</example>
    [Range(1, TokenFields.MinutesMax)]
    public long DurationMinutes { get; init; }

    /// <summary>
    /// When the token expires: RFC 3339, in the future and at most 365 days away. In place of `duration_minutes`.
    /// </summary>
    public string ExpiresAt { get; set; } = string.Empty;

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
    /// Whether it may be answered from the cache, and its answers be kept there; true when it is absent.
    /// </summary>
    /// <example>true</example>
    public bool UseCache { get; set; } = true;
}

/// <summary>What to change in a token; members that are absent stay as they are.</summary>
internal sealed record ChangeToken : ILimitFields
{
    /// <summary>False revokes the token and ends what runs with it; true takes that back.</summary>
    /// <example>true</example>
    public bool IsActive { get; init; }

    /// <summary>
    /// When the token expires: RFC 3339, in the future and at most 365 days away. Not beside `duration_minutes`.
    /// </summary>
    /// <example>2026-12-31T23:59:59Z</example>
    public string ExpiresAt { get; set; } = string.Empty;

    /// <summary>How long the token still lives, from now. Not beside `expires_at`.</summary>
    /// <example>60</example>
    [Range(1, TokenFields.MinutesMax)]
    public long DurationMinutes { get; init; }

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

    /// <summary>Whether it may be answered from the cache, and its answers be kept there.</summary>
    /// <example>false</example>
    public bool UseCache { get; init; }
}

/// <summary>A token, without its secret.</summary>
internal sealed record TokenAnswer
{
    /// <summary>The id of the token, a UUIDv7.</summary>
    /// <example>0199c0de-9b2c-7d4e-9f50-6b7c8d9e0f1a</example>
    public required Guid Id { get; init; }

    /// <summary>The project that the token is for.</summary>
    /// <example>0199c0de-7a1b-7c3d-8e4f-5a6b7c8d9e0f</example>
    public required Guid ProjectId { get; init; }

    /// <summary>Not revoked. A token that has expired may still say true; see `expires_at`.</summary>
    public required bool IsActive { get; init; }

    /// <summary>From this instant on the token is refused.</summary>
    /// <example>2026-01-31T13:00:00Z</example>
    public required DateTime ExpiresAt { get; init; }

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

    /// <summary>Whether it may be answered from the cache, and its answers be kept there.</summary>
    public required bool UseCache { get; init; }

    /// <summary>Requests that the token has made.</summary>
    /// <example>17</example>
    public required long RequestCount { get; init; }

    /// <summary>Prompt and completion tokens that these used.</summary>
    /// <example>52000</example>
    public required long TokenCount { get; init; }

    /// <summary>US dollars that these cost, with six decimals.</summary>
    /// <example>"0.120000"</example>
    public required string CostUsd { get; init; }

    /// <summary>How often it was answered from the cache, which are no requests of `request_count`.</summary>
    /// <example>5</example>
    public required long CacheHitCount { get; init; }

    /// <summary>When the token was issued.</summary>
    /// <example>2026-01-31T12:00:00Z</example>
    public required DateTime CreatedAt { get; init; }

    /// <summary>When the token was last used; null if never.</summary>
    public required DateTime? LastUsedAt { get; init; }

    /// <summary>When the token was revoked; null while it is not.</summary>
    public required DateTime? RevokedAt { get; init; }

    public static TokenAnswer Of(TokenRow row) => new()
    {
        Id = row.Id,
        ProjectId = row.ProjectId,
        IsActive = row.IsActive,
        ExpiresAt = row.ExpiresAt.UtcDateTime,
        MaxRequests = row.Limits.MaxRequests,
        RequestsPerMinute = row.Limits.RequestsPerMinute,
        MaxConcurrent = row.Limits.MaxConcurrent,
        MaxTokens = row.Limits.MaxTokens,
        TokensPerMinute = row.Limits.TokensPerMinute,
        MaxCostUsd = UsDollars.Write(row.Limits.MaxCost),
        AllowedModels = row.Limits.ModelPatterns(),
        AllowedEndpoints = row.Limits.AllowedEndpoints?.Patterns,
        AllowedOrigins = row.Limits.AllowedOrigins,
        UseCache = row.UseCache,
        RequestCount = row.RequestCount,
        TokenCount = row.TokenCount,
        CostUsd = UsDollars.Write(row.Cost),
        CacheHitCount = row.CacheHitCount,
        CreatedAt = row.CreatedAt.UtcDateTime,
        LastUsedAt = row.LastUsedAt?.UtcDateTime,
        RevokedAt = row.RevokedAt?.UtcDateTime,
    };
}

/// <summary>A token that was just issued. The secret is shown this once.</summary>
/// <remarks>Not a record, because records print their members and one of these is a secret.</remarks>
internal sealed class IssuedToken
{
    /// <summary>The id of the token, a UUIDv7.</summary>
    /// <example>0199c0de-9b2c-7d4e-9f50-6b7c8d9e0f1a</example>
    public required Guid Id { get; init; }

    /// <summary>The secret, which clients send as their API key. It cannot be shown again.</summary>
    /// <example>llmp_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg000000</example>
    public required string Token { get; init; }

    /// <summary>The project that the token is for.</summary>
    /// <example>0199c0de-7a1b-7c3d-8e4f-5a6b7c8d9e0f</example>
    public required Guid ProjectId { get; init; }

    /// <summary>From this instant on the token is refused.</summary>
    /// <example>2026-01-31T13:00:00Z</example>
    public required DateTime ExpiresAt { get; init; }

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

    /// <summary>Whether it may be answered from the cache, and its answers be kept there.</summary>
    public required bool UseCache { get; init; }

    public static IssuedToken Of(TokenRow row, Secret secret) => new()
    {
        Id = row.Id,
        Token = secret.Reveal(),
        ProjectId = row.ProjectId,
        ExpiresAt = row.ExpiresAt.UtcDateTime,
        MaxRequests = row.Limits.MaxRequests,
        RequestsPerMinute = row.Limits.RequestsPerMinute,
        MaxConcurrent = row.Limits.MaxConcurrent,
        MaxTokens = row.Limits.MaxTokens,
        TokensPerMinute = row.Limits.TokensPerMinute,
        MaxCostUsd = UsDollars.Write(row.Limits.MaxCost),
        AllowedModels = row.Limits.ModelPatterns(),
        AllowedEndpoints = row.Limits.AllowedEndpoints?.Patterns,
        AllowedOrigins = row.Limits.AllowedOrigins,
        UseCache = row.UseCache,
    };
}

/// <summary>A page of tokens.</summary>
internal sealed record TokenPage
{
    /// <summary>The tokens of this page.</summary>
    public required IReadOnlyList<TokenAnswer> Data { get; init; }

    /// <summary>Pass it as `cursor` for the next page; null on the last one.</summary>
    public required string? NextCursor { get; init; }
}

/// <summary>What came of revoking all tokens of a project.</summary>
internal sealed record RevokedTokensAnswer
{
    /// <summary>How many were revoked now.</summary>
    /// <example>3</example>
    public required int RevokedCount { get; init; }

    /// <summary>How many had been revoked before.</summary>
    /// <example>1</example>
    public required int AlreadyRevokedCount { get; init; }

    /// <summary>How many tokens the project has.</summary>
    /// <example>4</example>
    public required int TotalTokens { get; init; }

    public static RevokedTokensAnswer Of(RevokedTokens revoked) => new()
    {
        RevokedCount = revoked.Revoked,
        AlreadyRevokedCount = revoked.AlreadyRevoked,
        TotalTokens = revoked.Total,
    };
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    NumberHandling = JsonNumberHandling.Strict,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true)]
[JsonSerializable(typeof(IssueToken))]
[JsonSerializable(typeof(ChangeToken))]
[JsonSerializable(typeof(TokenAnswer))]
[JsonSerializable(typeof(IssuedToken))]
[JsonSerializable(typeof(TokenPage))]
[JsonSerializable(typeof(RevokedTokensAnswer))]
internal sealed partial class TokensJson : JsonSerializerContext;
