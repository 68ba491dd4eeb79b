namespace LlmProxy.Usage.Statistics;

/// <summary>The steps of time in which usage is summed up, all in UTC.</summary>
internal enum UsageInterval
{
    Minute,
    Hour,
    Day,
}

/// <summary>Arithmetic with Unix milliseconds, whose days, hours and minutes are all equally long.</summary>
internal static class UsageIntervals
{
    public const long Minute = 60_000;
    public const long Hour = 60 * Minute;
    public const long Day = 24 * Hour;

    public static long LengthOf(this UsageInterval interval) => interval switch
    {
        UsageInterval.Minute => Minute,
        UsageInterval.Hour => Hour,
        _ => Day,
    };

    /// <summary>The beginning of the interval that <paramref name="time"/> is in.</summary>
    public static long Floor(this UsageInterval interval, long time)
    {
        var length = interval.LengthOf();
        return time - (((time % length) + length) % length);
    }

    /// <summary>The first beginning of an interval that is not before <paramref name="time"/>.</summary>
    public static long Ceiling(this UsageInterval interval, long time) =>
        interval.Floor(time + interval.LengthOf() - 1);
}
