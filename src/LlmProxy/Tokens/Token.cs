using LlmProxy.Secrets;

namespace LlmProxy.Tokens;

/// <summary>A token as management sees it. Its secret is in no row and no answer but the one that issued it.</summary>
internal sealed record TokenRow(
    Guid Id,
    Guid ProjectId,
    bool IsActive,
    DateTimeOffset ExpiresAt,
    long? MaxRequests,
    long RequestCount,
    DateTimeOffset CreatedAt,
    DateTimeOffset? LastUsedAt,
    DateTimeOffset? RevokedAt);

/// <summary>What a PATCH may change; null leaves it as it is, 0 requests means no limit.</summary>
internal sealed record TokenChange(bool? IsActive, long? MaxRequests, DateTimeOffset? ExpiresAt);

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
