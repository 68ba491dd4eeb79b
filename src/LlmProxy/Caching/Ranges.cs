#pragma warning disable IDE0060 // The rules are still to come.
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
}

/// <summary>Single byte ranges of a complete 200 (RFC 9110 §14).</summary>
internal static class Ranges
{
    /// <summary>
    /// What of the answer to serve. All of it for every <c>Range</c> that may be ignored: another unit, several ranges,
    /// one that is not in the grammar, an <c>If-Range</c> that does not match.
    /// </summary>
    public static RangeChoice Choose(string method, IHeaderDictionary request, StoredResponse stored) =>
        RangeChoice.Whole;
}
