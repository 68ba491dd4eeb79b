using Microsoft.Extensions.Primitives;

namespace LlmProxy.Caching;

/// <summary>How old an answer is, and how old it may become (RFC 9111 §4.2). All times are milliseconds.</summary>
internal static class Freshness
{
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

    /// <summary>
    /// The corrected initial age (RFC 9111 §4.2.3). False when <c>Age</c> is there and cannot be read: then nobody
    /// knows how old the answer is, and it is the least that it can be.
    /// </summary>
    public static bool TryReadInitialAge(
        IReadOnlyList<HeaderField> fields, long requestedAt, long receivedAt, out long age)
    {
        // Dates have no fractions of a second, so neither has what is compared with them.
        var apparent = DateOf(fields, receivedAt) is { } date ? Math.Max(0, (receivedAt / 1_000 * 1_000) - date) : 0;
        var isKnown = TryReadAge(fields.Find("Age"), out var seconds);
        age = Math.Max(apparent, (seconds * 1_000) + Math.Max(0, receivedAt - requestedAt));
        return isKnown;
    }

    /// <summary>When the answer was made, as it says itself; null when it does not, or not once.</summary>
    private static long? DateOf(IReadOnlyList<HeaderField> fields, long receivedAt) =>
        fields.Find("Date") is { Count: 1 } dates && HttpDate.TryParse(dates[0], receivedAt, out var date)
            ? date
            : null;

    /// <summary>
    /// Of a list the first member counts (RFC 9111 §5.1). But where it was said in two lines, or in one that a hop made
    /// of two (joined as RFC 9110 §5.3 has it, with a comma and a space), the first is as likely as not the older one.
    /// </summary>
    private static bool TryReadAge(StringValues lines, out long seconds)
    {
        seconds = 0;
        if (lines.Count != 1)
        {
            return lines.Count == 0;
        }

        var text = lines[0].AsSpan().Trim(" \t");
        var comma = text.IndexOf(',');
        return comma < 0
            ? DeltaSeconds.TryParse(text, out seconds)
            : !text.ContainsAny(' ', '\t') && DeltaSeconds.TryParse(text[..comma], out seconds);
    }
}
