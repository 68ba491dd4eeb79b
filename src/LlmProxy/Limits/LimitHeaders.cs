using System.Globalization;
using System.Text;
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
    private const string ExpiresInHeader = "X-Token-Expires-In";

    // An Integer has 15 digits at most (RFC 9651 §3.3.1), and a field with a longer one is ignored as a whole.
    private const long IntegerMax = 999_999_999_999_999;

    public static void Write(IHeaderDictionary headers, Account token, Account project, TimeSpan expiresIn)
    {
        var seconds = Math.Max(0, (long)expiresIn.TotalSeconds);
        headers[ExpiresInHeader] = seconds.ToString(CultureInfo.InvariantCulture);
        var (ofToken, ofProject) = (token.Terms, project.Terms);
        if (ReferenceEquals(ofToken, Terms.None) && ReferenceEquals(ofProject, Terms.None))
        {
            return;
        }

        Append(headers, Policy, ofToken.PolicyOf(token.Id.Kind), ofProject.PolicyOf(project.Id.Kind));
        Append(headers, State, StateOf(token, ofToken), StateOf(project, ofProject));
        WriteOpenAi(headers, "requests", Tighter(ofToken.RequestsPerMinute, ofProject.RequestsPerMinute),
            Tighter(ofToken.Requests, ofProject.Requests), expiresIn);
        WriteOpenAi(headers, "tokens", Tighter(ofToken.TokensPerMinute, ofProject.TokensPerMinute),
            Tighter(ofToken.Tokens, ofProject.Tokens), expiresIn);
    }

    /// <summary>
    /// The limits of one account as quota policies: they stay the same until somebody changes them. The draft's
    /// registry has no unit for tokens and none for money; without one they would be taken for requests, so they have
    /// our own.
    /// </summary>
    public static string PolicyOf(AccountKind kind, LimitSet limits)
    {
        var items = new List<string>();
        Add("requests-per-minute", limits.RequestsPerMinute, ";w=60");
        Add("tokens-per-minute", limits.TokensPerMinute, ";w=60;qu=\"tokens\"");
        Add("concurrent", limits.MaxConcurrent, ";qu=\"concurrent-requests\"");
        Add("requests", limits.MaxRequests, string.Empty);
        Add("tokens", limits.MaxTokens, ";qu=\"tokens\"");
        Add("cost", limits.MaxCost, ";qu=\"micro-dollars\"");
        return string.Join(", ", items);

        void Add(string name, long? quota, string rest)
        {
            if (quota is { } q)
            {
                q = Math.Min(IntegerMax, q);
                items.Add(string.Create(
                    CultureInfo.InvariantCulture, $"\"{LimitRefusals.NameOf(kind)}-{name}\";q={q}{rest}"));
            }
        }
    }

    private static void Append(IHeaderDictionary headers, string name, string first, string second)
    {
        var value = first.Length == 0 ? second : second.Length == 0 ? first : $"{first}, {second}";
        if (value.Length > 0)
        {
            // The provider may have limits of its own to tell of: its lines stay, ours come after.
            headers[name] = StringValues.Concat(headers[name], value);
        }
    }

    private static string StateOf(Account account, Terms terms)
    {
        if (ReferenceEquals(terms, Terms.None))
        {
            return string.Empty;
        }

        var text = new StringBuilder(128);
        var name = LimitRefusals.NameOf(account.Id.Kind);
        AddWindow(text, name, "requests-per-minute", terms.RequestsPerMinute);
        AddWindow(text, name, "tokens-per-minute", terms.TokensPerMinute);
        Add(text, name, "concurrent", terms.Limits.MaxConcurrent - account.Running);
        Add(text, name, "requests", terms.Requests?.Remaining);
        Add(text, name, "tokens", terms.Tokens?.Remaining);
        Add(text, name, "cost", terms.Cost?.Remaining);
        return text.ToString();
    }

    private static void AddWindow(StringBuilder text, string name, string limit, RateWindow? window)
    {
        if (window is not null)
        {
            // Within t no more than r may be used (draft §4.1.2): until the next unit is there, which is also the
            // moment that Retry-After names when none is left.
            Add(text, name, limit, window.Remaining);
            text.Append(CultureInfo.InvariantCulture, $";t={(long)Math.Ceiling(window.NextIn.TotalSeconds)}");
        }
    }

    private static void Add(StringBuilder text, string name, string limit, long? remaining)
    {
        if (remaining is { } left)
        {
            text.Append(text.Length == 0 ? string.Empty : ", ");
            text.Append(CultureInfo.InvariantCulture, $"\"{name}-{limit}\";r={Math.Clamp(left, 0, IntegerMax)}");
        }
    }

    /// <summary>OpenAI's own form. A limit for good is told as one that resets when the token ends.</summary>
    private static void WriteOpenAi(
        IHeaderDictionary headers, string unit, RateWindow? window, Lease? lease, TimeSpan expiresIn)
    {
        var (limit, remaining, reset) = (window, lease) switch
        {
            ({ } minute, _) => (minute.PerMinute, minute.Remaining, minute.FullIn),
            (null, { } quota) => (quota.Max, quota.Remaining, expiresIn),
            _ => (0, 0, TimeSpan.Zero),
        };
        var names = unit == "requests" ? RequestNames : TokenNames;
        if ((window is null && lease is null) || Array.Exists(names, headers.ContainsKey))
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

    private static RateWindow? Tighter(RateWindow? one, RateWindow? other) =>
        one is null || (other is not null && other.Remaining < one.Remaining) ? other : one;

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
