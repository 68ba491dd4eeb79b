namespace LlmProxy.Usage.Statistics;

/// <summary>How long the sums of minutes, hours and days are kept.</summary>
/// <param name="Days">The setting; the finer tables are kept as long at most.</param>
internal sealed record UsageRetention(TimeSpan Days)
{
    private static readonly TimeSpan MinutesMax = TimeSpan.FromDays(7);
    private static readonly TimeSpan HoursMax = TimeSpan.FromDays(90);

    /// <summary>The first interval that is still kept: what began earlier may be gone.</summary>
    /// <param name="interval">Of which table.</param>
    /// <param name="now">Unix milliseconds.</param>
    public long Begin(UsageInterval interval, long now)
    {
        var kept = interval switch
        {
            UsageInterval.Minute when Days > MinutesMax => MinutesMax,
            UsageInterval.Hour when Days > HoursMax => HoursMax,
            _ => Days,
        };
        return interval.Floor(now - (long)kept.TotalMilliseconds);
    }

    /// <summary>The finest table that has everything since <paramref name="from"/>; that of days if none has.</summary>
    public UsageInterval FinestSince(long from, long now)
    {
        foreach (var interval in (ReadOnlySpan<UsageInterval>)[UsageInterval.Minute, UsageInterval.Hour])
        {
            if (interval.Floor(from) >= Begin(interval, now))
            {
                return interval;
            }
        }

        return UsageInterval.Day;
    }
}
