using System.Buffers;
using System.Globalization;

namespace LlmProxy.Settings;

/// <summary>
/// Durations as people of the original know them, Go's form: <c>90s</c>, <c>1m30s</c>, <c>500ms</c>, <c>24h</c>;
/// days (<c>7d</c>) are ours.
/// </summary>
internal static class GoDuration
{
    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789.");

    private static readonly (string Unit, long Ticks)[] Units =
    [
        ("ms", TimeSpan.TicksPerMillisecond), ("us", TimeSpan.TicksPerMicrosecond), ("s", TimeSpan.TicksPerSecond),
        ("m", TimeSpan.TicksPerMinute), ("h", TimeSpan.TicksPerHour), ("d", TimeSpan.TicksPerDay),
    ];

    /// <summary>
    /// Reads a duration; <c>0</c> needs no unit, everything else does. Negative ones are not durations here.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<char> text, out TimeSpan duration)
    {
        duration = TimeSpan.Zero;
        if (text is "0")
        {
            return true;
        }

        if (text.IsEmpty)
        {
            return false;
        }

        var ticks = 0m;
        while (!text.IsEmpty)
        {
            var digits = text.IndexOfAnyExcept(Digits);
            if (digits <= 0 || !decimal.TryParse(text[..digits], NumberStyles.AllowDecimalPoint,
                CultureInfo.InvariantCulture, out var amount))
            {
                return false;
            }

            text = text[digits..];
            if (UnitAt(text) is not { Ticks: > 0 } unit || amount > 1_000_000_000m)
            {
                return false;
            }

            ticks += amount * unit.Ticks;
            text = text[unit.Unit.Length..];
        }

        if (ticks > TimeSpan.MaxValue.Ticks)
        {
            return false;
        }

        duration = TimeSpan.FromTicks((long)ticks);
        return true;
    }

    /// <summary>The shortest form that reads back to the same value: <c>1m30s</c>, <c>24h</c>, <c>7d</c>.</summary>
    public static string Format(TimeSpan duration)
    {
        if (duration == TimeSpan.Zero)
        {
            return "0";
        }

        var text = string.Empty;
        foreach (var (unit, size) in Units.OrderByDescending(static unit => unit.Ticks))
        {
            var amount = duration.Ticks / size;
            if (amount > 0)
            {
                text += string.Create(CultureInfo.InvariantCulture, $"{amount}{unit}");
                duration -= TimeSpan.FromTicks(amount * size);
            }
        }

        return text;
    }

    private static (string Unit, long Ticks) UnitAt(ReadOnlySpan<char> text)
    {
        foreach (var unit in Units)
        {
            // "m" must not swallow the start of "ms", which stands earlier in the table.
            if (text.StartsWith(unit.Unit, StringComparison.Ordinal))
            {
                return unit;
            }
        }

        return default;
    }
}
