using System.Globalization;
using LlmProxy.Http;
using LlmProxy.Management;

namespace LlmProxy.Tokens;

/// <summary>What the members of a token may hold.</summary>
internal static class TokenFields
{
    public const int MinutesMax = 365 * 24 * 60;

    /// <summary>Far beyond any use, and still exact where numbers are doubles, as in JavaScript.</summary>
    public const long RequestsMax = 1_000_000_000_000;

    private const string IsActive = "is_active";
    private const string MaxRequests = "max_requests";
    private const string ExpiresAt = "expires_at";
    private const string DurationMinutes = "duration_minutes";

    private static readonly string[] TimeFormats =
        ["yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK"];

    public static Problem? FaultOf(IssueToken token) =>
        FaultOfMinutes(token.DurationMinutes) ?? FaultOfRequests(token.MaxRequests);

    /// <summary>The change that the body asks for, or what is wrong with it.</summary>
    public static (Problem? Problem, TokenChange? Change) Read(JsonBody<ChangeToken> body, DateTimeOffset now)
    {
        var wanted = body.Value;
        var problem = FaultOf(body);
        if (problem is not null)
        {
            return (problem, null);
        }

        DateTimeOffset? expiresAt = body.Has(DurationMinutes) ? now.AddMinutes(wanted.DurationMinutes) : null;
        if (body.Has(ExpiresAt))
        {
            expiresAt = TimeOf(wanted.ExpiresAt, now);
            if (expiresAt is null)
            {
                return (Problems.InvalidField(ExpiresAt,
                    "be an RFC 3339 time with its offset, in the future and at most 365 days away"), null);
            }
        }

        // Null and 0 both mean "any number" on the wire; to the issuer null means "as it is".
        return (null, new TokenChange(
            body.Has(IsActive) ? wanted.IsActive : null,
            body.Has(MaxRequests) ? wanted.MaxRequests ?? 0 : null,
            expiresAt));
    }

    private static Problem? FaultOf(JsonBody<ChangeToken> body)
    {
        if (body.MemberCount == 0)
        {
            return Problems.NothingToChange;
        }

        if (body.Has(ExpiresAt) && body.Has(DurationMinutes))
        {
            return Problems.InvalidField(DurationMinutes, $"not stand beside '{ExpiresAt}'");
        }

        return FaultOfRequests(body.Value.MaxRequests)
            ?? (body.Has(DurationMinutes) ? FaultOfMinutes(body.Value.DurationMinutes) : null);
    }

    /// <summary>On the wire 0 means "any number", as it always did; inside only null does.</summary>
    public static long? LimitOf(long? maxRequests) => maxRequests == 0 ? null : maxRequests;

    private static Problem? FaultOfMinutes(long minutes) =>
        minutes is >= 1 and <= MinutesMax
            ? null
            : Problems.InvalidField(DurationMinutes, $"be from 1 to {MinutesMax}");

    private static Problem? FaultOfRequests(long? requests) =>
        requests is null or (>= 0 and <= RequestsMax)
            ? null
            : Problems.InvalidField(MaxRequests, $"be from 0 to {RequestsMax}");

    // A time without an offset would mean one thing here and another on the caller's machine.
    private static DateTimeOffset? TimeOf(string text, DateTimeOffset now) =>
        text.Length > 0 && (text[^1] == 'Z' || text.LastIndexOfAny(['+', '-']) == text.Length - 6)
            && DateTimeOffset.TryParseExact(
                text, TimeFormats, CultureInfo.InvariantCulture, DateTimeStyles.None, out var time)
            && time > now && time <= now.AddMinutes(MinutesMax)
                ? time
                : null;
}
