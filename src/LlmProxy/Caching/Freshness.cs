using Microsoft.Extensions.Primitives;

namespace LlmProxy.Caching;

/// <summary>How old an answer is, and how old it may become (RFC 9111 §4.2). All times are milliseconds.</summary>
internal static class Freshness
{
    private const long GuessMax = 24 * 60 * 60 * 1_000;

    /// <summary>
    /// The freshness lifetime that the answer itself declares (RFC 9111 §4.2.1), 0 when what it declares cannot be
    /// read; null when it declares none. Nothing is guessed from <c>Last-Modified</c>.
    /// </summary>
    public static long? LifetimeOf(
        ResponseDirectives directives, IReadOnlyList<HeaderField> fields, long receivedAt)
    {
        if ((directives.SMaxAge ?? directives.MaxAge) is { } seconds)
        {
            return seconds * 1_000;
        }

        var expires = directives.AreTargeted ? StringValues.Empty : fields.Find("Expires");
        return expires.Count switch
        {
            0 => null,
            1 when HttpDate.TryParse(expires[0], receivedAt, out var at) =>
                Math.Max(0, at - (DateOf(fields, receivedAt) ?? receivedAt)),

            // "0" is the common way to say that it is stale (RFC 9111 §5.3).
            _ => 0,
        };
    }

    /// <summary>The corrected initial age (RFC 9111 §4.2.3).</summary>
    public static long InitialAgeOf(IReadOnlyList<HeaderField> fields, long requestedAt, long receivedAt)
    {
        // Dates have no fractions of a second, so neither has what is compared with them.
        var apparent = DateOf(fields, receivedAt) is { } date ? Math.Max(0, (receivedAt / 1_000 * 1_000) - date) : 0;
        var said = ReadAge(fields.Find("Age")) * 1_000;
        return Math.Max(apparent, said + Math.Max(0, receivedAt - requestedAt));
    }

    /// <summary>
    /// A guess for an answer that declares nothing: a part of the time for which it has not changed (RFC 9111 §4.2.2),
    /// a day at most. Null when it does not say when it was changed.
    /// </summary>
    public static long? GuessOf(IReadOnlyList<HeaderField> fields, long receivedAt, long percent) =>
        fields.Find("Last-Modified") is { Count: 1 } changes
        && HttpDate.TryParse(changes[0], receivedAt, out var changed)
            ? Math.Clamp(((DateOf(fields, receivedAt) ?? receivedAt) - changed) * percent / 100, 0, GuessMax)
            : null;

    /// <summary>When the answer was made, as it says itself; null when it does not, or not once.</summary>
    private static long? DateOf(IReadOnlyList<HeaderField> fields, long receivedAt) =>
        fields.Find("Date") is { Count: 1 } dates && HttpDate.TryParse(dates[0], receivedAt, out var date)
            ? date
            : null;

    /// <summary>Of a list the first member counts; what is no number is ignored (RFC 9111 §5.1). Seconds.</summary>
    private static long ReadAge(StringValues lines)
    {
        if (lines.Count == 0)
        {
            return 0;
        }

        var text = lines[0].AsSpan();
        var comma = text.IndexOf(',');
        return DeltaSeconds.TryParse((comma < 0 ? text : text[..comma]).Trim(" \t"), out var seconds) ? seconds : 0;
    }
}
