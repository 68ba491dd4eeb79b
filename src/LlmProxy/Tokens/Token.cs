using LlmProxy.Limits;
using LlmProxy.Secrets;

namespace LlmProxy.Tokens;

/// <summary>A token as management sees it. Its secret is in no row and no answer but the one that issued it.</summary>
/// <param name="Id">A UUIDv7.</param>
/// <param name="ProjectId">The project that it belongs to.</param>
/// <param name="IsActive">Not revoked.</param>
/// <param name="ExpiresAt">From this instant on it is refused.</param>
/// <param name="Limits">As they were set.</param>
/// <param name="RequestCount">Requests that it has made.</param>
/// <param name="TokenCount">Prompt and completion tokens that these used.</param>
/// <param name="Cost">Micro-dollars that these cost.</param>
/// <param name="UseCache">Whether it may be answered from the cache.</param>
/// <param name="CacheHitCount">How often it was.</param>
/// <param name="CreatedAt">When it was issued.</param>
/// <param name="LastUsedAt">Null when it never was.</param>
/// <param name="RevokedAt">Null when it is not.</param>
internal sealed record TokenRow(
    Guid Id,
    Guid ProjectId,
    bool IsActive,
    DateTimeOffset ExpiresAt,
    LimitSet Limits,
    long RequestCount,
    long TokenCount,
    long Cost,
    bool UseCache,
    long CacheHitCount,
    DateTimeOffset CreatedAt,
    DateTimeOffset? LastUsedAt,
    DateTimeOffset? RevokedAt);

/// <summary>A token that is wanted.</summary>
internal sealed record TokenOrder(Guid ProjectId, DateTimeOffset ExpiresAt, LimitChange Limits)
{
    public bool UseCache { get; init; } = true;
}

/// <summary>What a PATCH may change; null leaves it as it is.</summary>
internal sealed record TokenChange(bool? IsActive, LimitChange? Limits, DateTimeOffset? ExpiresAt)
{
    public bool? UseCache { get; init; }
}

/// <summary>Why no token was issued.</summary>
internal enum IssueFault
{
    None,
    ProjectNotFound,
    ProjectInactive,
}

/// <summary>An issued token with its secret, which is shown this once; or why there is none.</summary>
internal readonly record struct Issued(TokenRow? Row, Secret? Secret, IssueFault Fault);

/// <summary>Which tokens a list holds, newest first: those older than <paramref name="Before"/>.</summary>
internal sealed record TokenQuery(Guid? ProjectId, bool ActiveOnly, Guid? Before, int Limit);

/// <summary>What revoking all tokens of a project did.</summary>
internal sealed record RevokedTokens(int Revoked, int AlreadyRevoked)
{
    public int Total => Revoked + AlreadyRevoked;
}
