using System.Globalization;
using LlmProxy.Http;

namespace LlmProxy.Management;

/// <summary>A member that holds an instant in the future, as RFC 3339 §5.6 writes it.</summary>
internal static class InstantField
{
    private static readonly string[] Formats = ["yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK"];

    /// <summary>The instant, or what is wrong with it.</summary>
    /// <param name="name">The member.</param>
    /// <param name="text">Its value.</param>
    /// <param name="now">The instant must be later than this,</param>
    /// <param name="daysMax">and at most so many days later.</param>
    public static (Problem? Problem, DateTimeOffset At) Read(
        string name, string text, DateTimeOffset now, int daysMax) =>
        TimeOf(text) is { } time && time > now && time <= now.AddDays(daysMax)
            ? (null, time)
            : (Problems.InvalidField(name,
                $"be an RFC 3339 time with its offset, in the future and at most {daysMax} days away"), default);

    // A time without an offset would mean one thing here and another on the caller's machine.
    private static DateTimeOffset? TimeOf(string text) =>
        text.Length > 0 && (text[^1] == 'Z' || text.LastIndexOfAny(['+', '-']) == text.Length - 6)
            && DateTimeOffset.TryParseExact(
                text, Formats, CultureInfo.InvariantCulture, DateTimeStyles.None, out var time)
                ? time
                : null;
}
