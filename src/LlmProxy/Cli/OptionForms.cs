using System.CommandLine.Parsing;
using System.Globalization;
using LlmProxy.Settings;

namespace LlmProxy.Cli;

/// <summary>How values of options are written. What cannot be read gets a sentence that names the option.</summary>
internal static class OptionForms
{
    private static readonly TimeSpan LifetimeMin = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LifetimeMax = TimeSpan.FromDays(365);

    /// <summary>A token's lifetime: a bare number is hours; <c>90m</c>, <c>24h</c> and <c>7d</c> work.</summary>
    public static TimeSpan? Lifetime(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        if (ReadLifetime(text) is { } lifetime)
        {
            return lifetime;
        }

        result.AddError($"{NameOf(result)} must be {LifetimeForm}, not '{text}'.");
        return null;
    }

    public const string LifetimeForm = "hours as a bare number, or 90m, 24h, 7d: whole minutes from 1m to 365d";

    public static TimeSpan? ReadLifetime(string text)
    {
        TimeSpan lifetime;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var hours))
        {
            lifetime = TimeSpan.FromHours(Math.Min(hours, 10_000));
        }
        else if (!GoDuration.TryParse(text, out lifetime))
        {
            return null;
        }

        var isInBounds = lifetime >= LifetimeMin && lifetime <= LifetimeMax;
        return isInBounds && lifetime.Ticks % TimeSpan.TicksPerMinute == 0 ? lifetime : null;
    }

    /// <summary>A limit; 0 takes it away.</summary>
    public static long? Count(ArgumentResult result, long max) => Number(result, 0, max);

    /// <summary>US dollars as the API takes them: digits, and at most six of them behind a point.</summary>
    public static string? Dollars(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        var parts = text.Split('.');
        var isAmount = parts is [{ Length: > 0 and <= 10 }] or [{ Length: > 0 and <= 10 }, { Length: > 0 and <= 6 }]
            && parts.All(static part => part.All(char.IsAsciiDigit));
        if (isAmount)
        {
            return text;
        }

        result.AddError($"{NameOf(result)} must be US dollars such as 10.50, with at most 6 decimals, not '{text}'.");
        return null;
    }

    /// <summary>An instant with its offset, and <c>never</c> where <paramref name="orNever"/> says so.</summary>
    public static string? Instant(ArgumentResult result, bool orNever)
    {
        var text = result.Tokens[0].Value;
        var isInstant = text.Contains('T', StringComparison.Ordinal)
            && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.None, out _);
        if (isInstant || (orNever && text == Never))
        {
            return text;
        }

        var more = orNever ? $", or {Never}" : string.Empty;
        result.AddError($"{NameOf(result)} must be a time such as 2026-12-31T23:59:59Z{more}, not '{text}'.");
        return null;
    }

    public const string Never = "never";

    /// <summary>A count of tokens of text.</summary>
    public static long? PositiveCount(ArgumentResult result) => Number(result, 1, 1_000_000_000);

    public static double? Temperature(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        if (double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value)
            && value <= 2)
        {
            return value;
        }

        result.AddError($"{NameOf(result)} must be a number from 0 to 2, not '{text}'.");
        return null;
    }

    public static string? Address(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        if (ListenAddress.Parse(text) is null)
        {
            result.AddError($"{NameOf(result)} must be {ListenAddress.Expected}, not '{text}'.");
        }

        return text;
    }

    public static long? Number(ArgumentResult result, long min, long max)
    {
        var text = result.Tokens[0].Value;
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number >= min && number <= max)
        {
            return number;
        }

        result.AddError($"{NameOf(result)} must be a whole number from {min} to {max}, not '{text}'.");
        return null;
    }

    /// <summary>What the person called it.</summary>
    public static string NameOf(ArgumentResult result) =>
        result.Parent is OptionResult option ? option.Option.Name : result.Argument.Name;
}
