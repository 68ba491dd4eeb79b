using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Primitives;

namespace LlmProxy.Limits;

/// <summary>
/// Tells a client what is limited and what remains: <c>RateLimit-Policy</c> and <c>RateLimit</c>
/// (draft-ietf-httpapi-ratelimit-headers), <c>X-Token-Expires-In</c> (whole seconds), and, where the provider sent none
/// of its own, OpenAI's <c>x-ratelimit-*</c>.
/// </summary>
internal static class LimitHeaders
{
    private const string Policy = "RateLimit-Policy";
    private const string State = "RateLimit";

    // All limits of a token and its project; a longer text would go to a pooled array.
    private const int TextLength = 1_024;

    private const string ExpiresInHeader = "X-Token-Expires-In";

    // An Integer has 15 digits at most (RFC 9651 §3.3.1), and a field with a longer one is ignored as a whole.
    private const long IntegerMax = 999_999_999_999_999;

    [SkipLocalsInit]
    public static void Write(IHeaderDictionary headers, Account token, Account project, TimeSpan expiresIn)
    {
        var seconds = Math.Max(0, (long)expiresIn.TotalSeconds);
        headers[ExpiresInHeader] = seconds.ToString(CultureInfo.InvariantCulture);
        var (ofToken, ofProject) = (token.Terms, project.Terms);
        if (ReferenceEquals(ofToken, Terms.None) && ReferenceEquals(ofProject, Terms.None))
        {
            return;
        }

        Add(headers, Policy, ofToken.Limits.PolicyUnder(ofProject.Limits));

        // On the stack: these texts were most of what a limited request costs more than another one.
        var text = new DefaultInterpolatedStringHandler(
            0, 0, CultureInfo.InvariantCulture, stackalloc char[TextLength]);

        var (tokenRequests, projectRequests) = (ofToken.RequestsPerMinute?.Look(), ofProject.RequestsPerMinute?.Look());
        var (tokenTokens, projectTokens) = (ofToken.TokensPerMinute?.Look(), ofProject.TokensPerMinute?.Look());
        AppendState(ref text, token, ofToken, tokenRequests, tokenTokens);
        AppendState(ref text, project, ofProject, projectRequests, projectTokens);
        Add(headers, State, text.Text.ToString());
        text.Clear();

        WriteOpenAi(headers, RequestNames, Tighter(tokenRequests, projectRequests),
            Tighter(ofToken.Requests, ofProject.Requests), expiresIn);
        WriteOpenAi(headers, TokenNames, Tighter(tokenTokens, projectTokens),
            Tighter(ofToken.Tokens, ofProject.Tokens), expiresIn);
    }

    /// <summary>
    /// The limits of a token and its project as quota policies: the same until somebody changes them. The draft's
    /// registry has no unit for tokens and none for money; without one they would be taken for requests, so they have
    /// our own.
    /// </summary>
    public static string PolicyOf(LimitSet token, LimitSet project)
    {
        var text = new DefaultInterpolatedStringHandler(0, 0, CultureInfo.InvariantCulture);
        AppendPolicy(ref text, AccountKind.Token, token);
        AppendPolicy(ref text, AccountKind.Project, project);
        return text.ToStringAndClear();
    }

    private static void AppendPolicy(ref DefaultInterpolatedStringHandler text, AccountKind kind, LimitSet limits)
    {
        var owner = LimitRefusals.NameOf(kind);
        AppendItem(ref text, owner, "requests-per-minute", "q", limits.RequestsPerMinute, ";w=60");
        AppendItem(ref text, owner, "tokens-per-minute", "q", limits.TokensPerMinute, ";w=60;qu=\"tokens\"");
        AppendItem(ref text, owner, "concurrent", "q", limits.MaxConcurrent, ";qu=\"concurrent-requests\"");
        AppendItem(ref text, owner, "requests", "q", limits.MaxRequests, string.Empty);
        AppendItem(ref text, owner, "tokens", "q", limits.MaxTokens, ";qu=\"tokens\"");
        AppendItem(ref text, owner, "cost", "q", limits.MaxCost, ";qu=\"micro-dollars\"");
    }

    private static void AppendState(
        ref DefaultInterpolatedStringHandler text, Account account, Terms terms, RateLevel? requests, RateLevel? tokens)
    {
        var owner = LimitRefusals.NameOf(account.Id.Kind);
        AppendLevel(ref text, owner, "requests-per-minute", requests);
        AppendLevel(ref text, owner, "tokens-per-minute", tokens);
        AppendItem(ref text, owner, "concurrent", "r", terms.Limits.MaxConcurrent - account.Running, string.Empty);
        AppendItem(ref text, owner, "requests", "r", terms.Requests?.Remaining, string.Empty);
        AppendItem(ref text, owner, "tokens", "r", terms.Tokens?.Remaining, string.Empty);
        AppendItem(ref text, owner, "cost", "r", terms.Cost?.Remaining, string.Empty);
    }

    private static void AppendLevel(
        ref DefaultInterpolatedStringHandler text, string owner, string limit, RateLevel? level)
    {
        if (level is { } window)
        {
            // Within t no more than r may be used (draft §4.1.2): until the next unit is there, which is also the
            // moment that Retry-After names when none is left.
            AppendItem(ref text, owner, limit, "r", window.Remaining, ";t=");
            text.AppendFormatted((long)Math.Ceiling(window.NextIn.TotalSeconds));
        }
    }

    /// <summary>One member of the list, such as <c>"token-requests";q=100</c>, when there is such a number.</summary>
    private static void AppendItem(
        ref DefaultInterpolatedStringHandler text, string owner, string limit, string parameter, long? number,
        string rest)
    {
        if (number is { } value)
        {
            text.AppendLiteral(text.Text.IsEmpty ? "\"" : ", \"");
            text.AppendLiteral(owner);
            text.AppendLiteral("-");
            text.AppendLiteral(limit);
            text.AppendLiteral("\";");
            text.AppendLiteral(parameter);
            text.AppendLiteral("=");
            text.AppendFormatted(Math.Clamp(value, 0, IntegerMax));
            text.AppendLiteral(rest);
        }
    }

    private static void Add(IHeaderDictionary headers, string name, string value)
    {
        if (value.Length > 0)
        {
            // The provider may have limits of its own to tell of: its lines stay, ours come after.
            headers[name] = StringValues.Concat(headers[name], value);
        }
    }

    /// <summary>OpenAI's own form. A limit for good is told as one that resets when the token ends.</summary>
    private static void WriteOpenAi(
        IHeaderDictionary headers, string[] names, RateLevel? window, Lease? lease, TimeSpan expiresIn)
    {
        var (limit, remaining, reset) = (window, lease) switch
        {
            ({ } minute, _) => (minute.PerMinute, minute.Remaining, minute.FullIn),
            (null, { } quota) => (quota.Max, quota.Remaining, expiresIn),
            _ => (0, 0, TimeSpan.Zero),
        };
        if ((window is null && lease is null)
            || headers.ContainsKey(names[0]) || headers.ContainsKey(names[1]) || headers.ContainsKey(names[2]))
        {
            return;
        }

        headers[names[0]] = limit.ToString(CultureInfo.InvariantCulture);
        headers[names[1]] = remaining.ToString(CultureInfo.InvariantCulture);
        headers[names[2]] = Duration(reset);
    }

    private static readonly string[] RequestNames =
        ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"];

    private static readonly string[] TokenNames =
        ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"];

    private static RateLevel? Tighter(RateLevel? one, RateLevel? other) =>
        one is null || (other is not null && other.Value.Remaining < one.Value.Remaining) ? other : one;

    private static Lease? Tighter(Lease? one, Lease? other) =>
        one is null || (other is not null && other.Remaining < one.Remaining) ? other : one;

    /// <summary>As OpenAI writes it: <c>120ms</c>, <c>1.5s</c>, <c>6m0s</c>, <c>23h59m59s</c>.</summary>
    private static string Duration(TimeSpan time)
    {
        if (time < TimeSpan.FromSeconds(1))
        {
            return string.Create(
                CultureInfo.InvariantCulture, $"{(long)Math.Ceiling(Math.Max(0, time.TotalMilliseconds))}ms");
        }

        var hours = (long)time.TotalHours;
        return hours > 0
            ? string.Create(CultureInfo.InvariantCulture, $"{hours}h{time.Minutes}m{time.Seconds}s")
            : time.Minutes > 0
                ? string.Create(CultureInfo.InvariantCulture, $"{time.Minutes}m{time.Seconds}s")
                : string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling(time.TotalMilliseconds) / 1_000:0.###}s");
    }
}
