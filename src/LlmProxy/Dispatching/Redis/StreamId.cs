using System.Globalization;
using System.Runtime.InteropServices;

namespace LlmProxy.Dispatching.Redis;

/// <summary>The id of an entry of a stream, <c>milliseconds-number</c>: Redis' clock when it was added.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct StreamId(long Milliseconds, ulong Number) : IComparable<StreamId>
{
    public int CompareTo(StreamId other) =>
        Milliseconds == other.Milliseconds
            ? Number.CompareTo(other.Number)
            : Milliseconds.CompareTo(other.Milliseconds);

    public static bool operator <(StreamId left, StreamId right) => left.CompareTo(right) < 0;

    public static bool operator >(StreamId left, StreamId right) => left.CompareTo(right) > 0;

    public static bool operator <=(StreamId left, StreamId right) => left.CompareTo(right) <= 0;

    public static bool operator >=(StreamId left, StreamId right) => left.CompareTo(right) >= 0;

    /// <summary>Null for what is none, such as nothing.</summary>
    public static StreamId? TryRead(string? text) =>
        text?.Split('-') is [var milliseconds, var number]
        && long.TryParse(milliseconds, NumberStyles.None, CultureInfo.InvariantCulture, out var time)
        && ulong.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var counter)
            ? new StreamId(time, counter)
            : null;
}
