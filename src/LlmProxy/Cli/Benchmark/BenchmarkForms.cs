using System.CommandLine.Parsing;
using System.Globalization;
using System.Runtime.InteropServices;
using LlmProxy.Settings;

namespace LlmProxy.Cli.Benchmark;

/// <summary>How the values of the benchmark's options are written, beside those of <see cref="OptionForms"/>.</summary>
internal static class BenchmarkForms
{
    public const int ConcurrencyMax = 10_000;
    public const double RateMax = 100_000;

    public static readonly TimeSpan DurationMax = TimeSpan.FromHours(24);
    public static readonly TimeSpan PatienceMax = TimeSpan.FromMinutes(30);

    private const long RequestsMax = 1_000_000_000;

    public static long? Requests(ArgumentResult result) => OptionForms.Number(result, 1, RequestsMax);

    public static int? Concurrency(ArgumentResult result) => (int?)OptionForms.Number(result, 1, ConcurrencyMax);

    /// <summary>Requests a second; a fraction is fine for a provider that is dear.</summary>
    public static double? Rate(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        if (double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var rate)
            && rate is >= 0.001 and <= RateMax)
        {
            return rate;
        }

        result.AddError(
            $"{OptionForms.NameOf(result)} must be requests a second from 0.001 to {RateMax}, not '{text}'.");
        return null;
    }

    public static TimeSpan? Duration(ArgumentResult result) => Time(result, DurationMax);

    public static TimeSpan? Patience(ArgumentResult result) => Time(result, PatienceMax);

    /// <summary>A bare number is requests, anything else a time.</summary>
    public static Warmup? Warmup(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var requests)
            && requests <= RequestsMax)
        {
            return new Warmup(requests, null);
        }

        if (GoDuration.TryParse(text, out var duration) && duration > TimeSpan.Zero && duration <= DurationMax)
        {
            return new Warmup(null, duration);
        }

        result.AddError(
            $"{OptionForms.NameOf(result)} must be a number of requests, or a time such as 5s, not '{text}'.");
        return null;
    }

    /// <summary>Percent, with or without the sign.</summary>
    public static double? Percent(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        var digits = text.EndsWith('%') ? text[..^1] : text;
        if (double.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var percent)
            && percent <= 100)
        {
            return percent;
        }

        result.AddError($"{OptionForms.NameOf(result)} must be percent from 0 to 100, not '{text}'.");
        return null;
    }

    private static TimeSpan? Time(ArgumentResult result, TimeSpan max)
    {
        var text = result.Tokens[0].Value;
        if (GoDuration.TryParse(text, out var time) && time >= TimeSpan.FromMilliseconds(1) && time <= max)
        {
            return time;
        }

        result.AddError($"{OptionForms.NameOf(result)} must be a time such as 500ms, 30s or 5m, "
            + $"up to {GoDuration.Format(max)}, not '{text}'.");
        return null;
    }
}

/// <summary>What is asked before it is measured: so many requests, or so long.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Warmup(long? Requests, TimeSpan? Duration);
