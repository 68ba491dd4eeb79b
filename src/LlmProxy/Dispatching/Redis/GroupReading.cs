using System.Runtime.InteropServices;
using StackExchange.Redis;

namespace LlmProxy.Dispatching.Redis;

/// <summary>
/// What the stream and a consumer group looked like at one moment, and what that means. Redis' own <c>entries-read</c>
/// and <c>lag</c> are wrong after unread entries were trimmed, each version in its own way; so we count what the group
/// has acknowledged, and know: of all that was ever added and is not acknowledged, what is neither pending nor unread
/// was dropped by the stream. How many are unread is known for certain in two cases: none, when the group has got the
/// newest entry; and all, when it has not even got the oldest one.
/// </summary>
/// <param name="Added">Entries ever added; -1 when Redis does not say (before 7.0).</param>
/// <param name="Length">Entries there are.</param>
/// <param name="First">The oldest of them.</param>
/// <param name="Delivered">The newest one that the group has got.</param>
/// <param name="Unread">The oldest one that it has not got.</param>
/// <param name="Pending">Those that were taken and not acknowledged.</param>
/// <param name="OldestPending">The oldest of those.</param>
/// <param name="Lag">What Redis says is unread; -1 when it does not know.</param>
/// <param name="Acknowledged">Those that the group has acknowledged, as far as we have counted.</param>
/// <param name="Base">
/// Those that were added before we counted and are none of the others; null when nobody has found out.
/// </param>
/// <param name="Trimmed">What was known to have been dropped.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct GroupReading(
    long Added,
    long Length,
    StreamId? First,
    StreamId Delivered,
    StreamId? Unread,
    long Pending,
    StreamId? OldestPending,
    long Lag,
    long Acknowledged,
    long? Base,
    long Trimmed)
{
    private const int Parts = 12;

    private long? UnreadForCertain => Unread is null ? 0 : Delivered < First ? Length : null;

    /// <summary>What <see cref="GroupScripts.Measure"/> answered; null when there is no such group.</summary>
    public static GroupReading? Of(RedisResult answer) => answer.Length < Parts ? null : new GroupReading(
        (long)answer[1],
        (long)answer[2],
        StreamId.TryRead((string?)answer[3]),
        StreamId.TryRead((string?)answer[4]) ?? default,
        StreamId.TryRead((string?)answer[5]),
        (long)answer[6],
        StreamId.TryRead((string?)answer[7]),
        (long)answer[8],
        NumberOf(answer[9]) ?? 0,
        NumberOf(answer[10]),
        NumberOf(answer[11]) ?? 0);

    /// <summary>The base that follows when nobody knows it: that nothing was dropped so far. Null: not now.</summary>
    public long? FindBase() =>
        Base ?? (Added >= 0 && UnreadForCertain is { } unread
            ? Added - Acknowledged - Pending - unread - Trimmed
            : null);

    /// <summary>How many were dropped unread or unacknowledged since the base.</summary>
    public long CountTrimmed() =>
        Added >= 0 && FindBase() is { } gone && UnreadForCertain is { } unread
            ? Math.Max(Trimmed, Added - gone - Acknowledged - Pending - unread)
            : Trimmed;

    public long CountWaiting()
    {
        if (UnreadForCertain is { } unread)
        {
            return unread;
        }

        var counted = Added >= 0 && Base is { } gone ? Added - gone - Acknowledged - Pending - CountTrimmed() : Length;
        return Math.Clamp(Math.Min(counted, Lag >= 0 ? Lag : Length), 1, Math.Max(1, Length));
    }

    public TimeSpan AgeOfOldest(DateTimeOffset now)
    {
        var oldest = Unread is { } unread && OldestPending is { } pending
            ? unread < pending ? unread : pending
            : Unread ?? OldestPending;
        return oldest is { } id && now.ToUnixTimeMilliseconds() - id.Milliseconds is > 0 and var age
            ? TimeSpan.FromMilliseconds(age)
            : TimeSpan.Zero;
    }

    private static long? NumberOf(RedisResult part) => (string?)part is { Length: > 0 } ? (long)part : null;
}
