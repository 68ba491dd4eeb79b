using HdrHistogram;

namespace LlmProxy.Cli.Benchmark;

/// <summary>
/// How long something took, many times: counts in an HDR histogram of about 200 KiB, however many there are. A
/// percentile is the least value that so many of the hundred do not exceed (nearest rank), and at most 0.1 % above it;
/// mean, least and greatest are exact. Not safe for several threads.
/// </summary>
internal sealed class Distribution
{
    /// <summary>How far above the truth a percentile may be, as a part of it.</summary>
    public const double RelativeErrorMax = 0.001;

    private const int SignificantDigits = 3;

    /// <summary>What took longer counts as that long.</summary>
    public static readonly TimeSpan ValueMax = TimeSpan.FromHours(1);

    // In ticks of TimeSpan, a tenth of a microsecond: the proxy's own time is some dozen of microseconds.
    private readonly LongHistogram _ticks = new(ValueMax.Ticks, SignificantDigits);
    private double _sum;
    private long _least = long.MaxValue;
    private long _greatest;

    public long Count => _ticks.TotalCount;

    /// <summary>What is below zero, as a clock may have it, counts as zero.</summary>
    public void Add(TimeSpan value)
    {
        var ticks = Math.Clamp(value.Ticks, 0, ValueMax.Ticks);
        _ticks.RecordValue(ticks);
        _sum += ticks;
        _least = Math.Min(_least, ticks);
        _greatest = Math.Max(_greatest, ticks);
    }

    /// <summary>The value at a percentile, above 0 and up to 100; zero when nothing was added.</summary>
    public TimeSpan At(double percent)
    {
        if (Count == 0)
        {
            return TimeSpan.Zero;
        }

        // The histogram rounds to the nearest rank and we mean the next one, so it is asked for that very rank. In
        // decimals: 99.9 % of a thousand are 999, and with doubles a little more, which would be the thousandth.
        var rank = Math.Max(Math.Ceiling((decimal)percent * Count / 100), 1);
        return TimeSpan.FromTicks(Math.Clamp(
            _ticks.GetValueAtPercentile((double)(100 * rank / Count)), _least, _greatest));
    }

    /// <summary>Null when nothing was added.</summary>
    public Spread? Summarise() => Count == 0 ? null : new Spread
    {
        Count = Count,
        Min = Milliseconds(TimeSpan.FromTicks(_least)),
        Mean = Milliseconds(TimeSpan.FromTicks((long)(_sum / Count))),
        P50 = Milliseconds(At(50)),
        P75 = Milliseconds(At(75)),
        P90 = Milliseconds(At(90)),
        P95 = Milliseconds(At(95)),
        P99 = Milliseconds(At(99)),
        P999 = Milliseconds(At(99.9)),
        Max = Milliseconds(TimeSpan.FromTicks(_greatest)),
    };

    private static double Milliseconds(TimeSpan time) => Math.Round(time.TotalMilliseconds, 4);
}
