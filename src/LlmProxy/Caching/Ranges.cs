using System.Runtime.InteropServices;

namespace LlmProxy.Caching;

/// <summary>How much of a stored answer is served.</summary>
internal enum RangeKind
{
    /// <summary>All of it: 200.</summary>
    Whole,

    /// <summary>One range: 206.</summary>
    Part,

    /// <summary>None, since it has no such range: 416.</summary>
    Unsatisfiable,
}

/// <param name="Kind">How much.</param>
/// <param name="From">Of a part: its first byte.</param>
/// <param name="To">Of a part: its last byte, which belongs to it.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct RangeChoice(RangeKind Kind, long From, long To)
{
    public static readonly RangeChoice Whole;
    public static readonly RangeChoice Unsatisfiable = new(RangeKind.Unsatisfiable, 0, -1);

    public long Length => To - From + 1;

    public static RangeChoice Part(long from, long to) => new(RangeKind.Part, from, to);
}

/// <summary>Single byte ranges of a complete 200 (RFC 9110 §14).</summary>
internal static class Ranges
{
    private const string Unit = "bytes=";

    /// <summary>
    /// What of the answer to serve. All of it for every <c>Range</c> that may be ignored: another unit, several ranges,
    /// one that is not in the grammar, an <c>If-Range</c> that does not match.
    /// </summary>
    public static RangeChoice Choose(string method, IHeaderDictionary request, StoredResponse stored)
    {
        var ranges = request.Range;
        if (ranges.Count != 1 || !HttpMethods.IsGet(method) || stored.Status != StatusCodes.Status200OK
            || stored.IsStream || stored.Fields.Find("Accept-Ranges") == "none" || !MayBeCut(request, stored))
        {
            return RangeChoice.Whole;
        }

        var text = ranges[0].AsSpan().Trim(" \t");
        if (!text.StartsWith(Unit, StringComparison.OrdinalIgnoreCase))
        {
            return RangeChoice.Whole;
        }

        text = text[Unit.Length..].Trim(" \t");
        var dash = text.IndexOf('-');
        return dash < 0 ? RangeChoice.Whole : Cut(text[..dash], text[(dash + 1)..], stored.Body.Length);
    }

    private static RangeChoice Cut(ReadOnlySpan<char> first, ReadOnlySpan<char> last, long length)
    {
        var hasFrom = TryRead(first, out var from);
        var hasTo = TryRead(last, out var to);
        if ((!hasFrom && !first.IsEmpty) || (!hasTo && !last.IsEmpty) || (!hasFrom && !hasTo))
        {
            return RangeChoice.Whole;
        }

        if (!hasFrom)
        {
            // So many bytes from the end. Of nothing, all is nothing too, which no 206 can say.
            return to == 0 ? RangeChoice.Unsatisfiable
                : length == 0 ? RangeChoice.Whole
                : RangeChoice.Part(Math.Max(0, length - to), length - 1);
        }

        if (hasTo && to < from)
        {
            return RangeChoice.Whole;
        }

        return from >= length
            ? RangeChoice.Unsatisfiable
            : RangeChoice.Part(from, hasTo ? Math.Min(to, length - 1) : length - 1);
    }

    /// <summary>Digits. What is beyond all bodies may be any number that is.</summary>
    private static bool TryRead(ReadOnlySpan<char> digits, out long number) =>
        DeltaSeconds.TryParse(digits, out number);

    /// <summary>
    /// Whether the client's part, if it has one, is of this same answer (RFC 9110 §13.1.5): by a strong tag, or a date
    /// that is one, being older than the answer by a second at least (§8.8.2.2).
    /// </summary>
    private static bool MayBeCut(IHeaderDictionary request, StoredResponse stored)
    {
        var conditions = request.IfRange;
        if (conditions.Count == 0)
        {
            return true;
        }

        if (conditions.Count > 1)
        {
            return false;
        }

        var condition = conditions[0].AsSpan().Trim(" \t");
        return (stored.ETag is { } tag && EntityTags.EqualStrongly(condition, tag))
            || (stored.LastModified is { } modified && condition.SequenceEqual(modified)
                && HttpDate.TryParse(modified, stored.ReceivedAt, out var modifiedTime)
                && stored.Fields.Find("Date") is { Count: 1 } dates
                && HttpDate.TryParse(dates[0], stored.ReceivedAt, out var made)
                && made - modifiedTime >= 1_000);
    }
}
