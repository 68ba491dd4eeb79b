using LlmProxy.Http;
using LlmProxy.Limits;
using LlmProxy.Management;

namespace LlmProxy.Tokens;

/// <summary>What the members of a token may hold.</summary>
internal static class TokenFields
{
    public const int MinutesMax = DaysMax * 24 * 60;

    private const int DaysMax = 365;
    private const string IsActive = "is_active";
    private const string UseCache = "use_cache";
    private const string ExpiresAt = "expires_at";
    private const string DurationMinutes = "duration_minutes";

    /// <summary>The token that the body asks for, or what is wrong with it.</summary>
    public static (Problem? Problem, TokenOrder? Order) Read(JsonBody<IssueToken> body, DateTimeOffset now)
    {
        if (!body.Has(DurationMinutes) && !body.Has(ExpiresAt))
        {
            return (Problems.MissingField(DurationMinutes, ExpiresAt), null);
        }

        var (limitProblem, limits) = LimitFields.Read(body);
        var (problem, expiresAt) = ReadEnd(body, body.Value.ExpiresAt, body.Value.DurationMinutes, now);
        return (problem ?? limitProblem) is { } fault
            ? (fault, null)
            : (null, new TokenOrder(body.Value.ProjectId, expiresAt!.Value, limits)
            {
                UseCache = body.Value.UseCache,
            });
    }

    /// <summary>The change that the body asks for, or what is wrong with it.</summary>
    public static (Problem? Problem, TokenChange? Change) Read(JsonBody<ChangeToken> body, DateTimeOffset now)
    {
        if (body.MemberCount == 0)
        {
            return (Problems.NothingToChange, null);
        }

        var (limitProblem, limits) = LimitFields.Read(body);
        var (problem, expiresAt) = ReadEnd(body, body.Value.ExpiresAt, body.Value.DurationMinutes, now);
        return (problem ?? limitProblem) is { } fault
            ? (fault, null)
            : (null, new TokenChange(body.Has(IsActive) ? body.Value.IsActive : null, limits, expiresAt)
            {
                UseCache = body.Has(UseCache) ? body.Value.UseCache : null,
            });
    }

    /// <summary>When the token is to expire; null when the body does not say.</summary>
    private static (Problem? Problem, DateTimeOffset? ExpiresAt) ReadEnd<T>(
        JsonBody<T> body, string expiresAt, long minutes, DateTimeOffset now)
        where T : class
    {
        switch (body.Has(ExpiresAt), body.Has(DurationMinutes))
        {
            case (true, true):
                return (Problems.InvalidField(DurationMinutes, $"not stand beside '{ExpiresAt}'"), null);
            case (true, false):
                return InstantField.Read(ExpiresAt, expiresAt, now, DaysMax);
            case (false, true):
                return minutes is >= 1 and <= MinutesMax
                    ? (null, now.AddMinutes(minutes))
                    : (Problems.InvalidField(DurationMinutes, $"be from 1 to {MinutesMax}"), null);
            default:
                return (null, null);
        }
    }
}
