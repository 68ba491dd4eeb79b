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

    /// <summary>A count of requests; 0 takes the limit away.</summary>
    public static long? Count(ArgumentResult result) => Number(result, 0, 1_000_000_000_000);

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

    private static long? Number(ArgumentResult result, long min, long max)
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

    private static string NameOf(ArgumentResult result) =>
        result.Parent is OptionResult option ? option.Option.Name : result.Argument.Name;
}
