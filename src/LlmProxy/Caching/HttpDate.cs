using System.Globalization;

namespace LlmProxy.Caching;

/// <summary>
/// Dates of HTTP in their three forms (RFC 9110 §5.6.7): <c>Sun, 06 Nov 1994 08:49:37 GMT</c> and the obsolete
/// <c>Sunday, 06-Nov-94 08:49:37 GMT</c> and <c>Sun Nov  6 08:49:37 1994</c>. Read without case, as a cache should
/// (RFC 9111 §4.2); otherwise to the letter, since a date that says anything else makes an answer stale.
/// </summary>
internal static class HttpDate
{
    private static readonly string[] Days =
        ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

    private const string Months = "JanFebMarAprMayJunJulAugSepOctNovDec";

    /// <param name="text">The field's value.</param>
    /// <param name="now">Unix milliseconds: what decides of which century two digits are.</param>
    /// <param name="time">Unix milliseconds.</param>
    public static bool TryParse(ReadOnlySpan<char> text, long now, out long time)
    {
        time = 0;
        text = text.Trim(" \t");
        var comma = text.IndexOf(',');
        return comma switch
        {
            3 => IsShortDay(text[..3]) && TryParseFixed(text[3..], out time),
            > 3 => IsLongDay(text[..comma]) && TryParseRfc850(text[comma..], now, out time),
            _ => text.Length == 24 && IsShortDay(text[..3]) && TryParseAsctime(text[3..], out time),
        };
    }

    /// <summary>The form that is sent.</summary>
    public static string Write(long time) =>
        DateTimeOffset.FromUnixTimeMilliseconds(time).ToString("r", CultureInfo.InvariantCulture);

    // ", 06 Nov 1994 08:49:37 GMT"
    private static bool TryParseFixed(ReadOnlySpan<char> text, out long time)
    {
        time = 0;
        return text.Length == 26 && text[1] == ' ' && text[4] == ' ' && text[8] == ' ' && text[13] == ' '
            && IsGmt(text[22..])
            && TryRead(text.Slice(2, 2), out var day) && TryReadMonth(text.Slice(5, 3), out var month)
            && TryRead(text.Slice(9, 4), out var year)
            && TryMake(year, month, day, text.Slice(14, 8), out time);
    }

    // ", 06-Nov-94 08:49:37 GMT"
    private static bool TryParseRfc850(ReadOnlySpan<char> text, long now, out long time)
    {
        time = 0;
        if (text.Length != 24 || text[1] != ' ' || text[4] != '-' || text[8] != '-' || text[11] != ' '
            || !IsGmt(text[20..])
            || !TryRead(text.Slice(2, 2), out var day) || !TryReadMonth(text.Slice(5, 3), out var month)
            || !TryRead(text.Slice(9, 2), out var year))
        {
            return false;
        }

        // More than 50 years ahead is the last year in the past with these digits.
        var thisYear = DateTimeOffset.FromUnixTimeMilliseconds(now).Year;
        year += thisYear / 100 * 100;
        year -= year > thisYear + 50 ? 100 : 0;
        return TryMake(year, month, day, text.Slice(12, 8), out time);
    }

    // " Nov  6 08:49:37 1994"
    private static bool TryParseAsctime(ReadOnlySpan<char> text, out long time)
    {
        time = 0;
        return text[0] == ' ' && text[4] == ' ' && text[7] == ' ' && text[16] == ' '
            && TryReadMonth(text.Slice(1, 3), out var month)
            && TryRead(text[5] == ' ' ? text.Slice(6, 1) : text.Slice(5, 2), out var day)
            && TryRead(text.Slice(17, 4), out var year)
            && TryMake(year, month, day, text.Slice(8, 8), out time);
    }

    private static bool TryMake(int year, int month, int day, ReadOnlySpan<char> clock, out long time)
    {
        time = 0;
        if (clock[2] != ':' || clock[5] != ':' || !TryRead(clock[..2], out var hour)
            || !TryRead(clock.Slice(3, 2), out var minute) || !TryRead(clock.Slice(6, 2), out var second)
            || hour > 23 || minute > 59 || second > 60 || year < 1 || day < 1
            || day > DateTime.DaysInMonth(year, month))
        {
            return false;
        }

        // A leap second is the end of the second before it.
        var date = new DateTimeOffset(year, month, day, hour, minute, Math.Min(second, 59), TimeSpan.Zero);
        time = date.ToUnixTimeMilliseconds();
        return true;
    }

    private static bool IsGmt(ReadOnlySpan<char> text) => text.Equals(" GMT", StringComparison.OrdinalIgnoreCase);

    private static bool IsShortDay(ReadOnlySpan<char> text)
    {
        foreach (var day in Days)
        {
            if (text.Equals(day.AsSpan(0, 3), StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsLongDay(ReadOnlySpan<char> text)
    {
        foreach (var day in Days)
        {
            if (text.Equals(day, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private static bool TryReadMonth(ReadOnlySpan<char> text, out int month)
    {
        for (month = 1; month <= 12; month++)
        {
            if (text.Equals(Months.AsSpan((month - 1) * 3, 3), StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private static bool TryRead(ReadOnlySpan<char> digits, out int number)
    {
        number = 0;
        foreach (var digit in digits)
        {
            if (!char.IsAsciiDigit(digit))
            {
                return false;
            }

            number = (number * 10) + (digit - '0');
        }

        return true;
    }
}
