using System.Runtime.InteropServices;

namespace LlmProxy.Cli.Benchmark;

/// <summary>
/// When each request of an open loop is due, counted from the start. It is known before the first one is sent and never
/// moves: an answer that is late does not put off the requests behind it.
/// </summary>
/// <param name="PerSecond">Requests a second; above zero.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct ArrivalSchedule(double PerSecond)
{
    /// <summary>The due time of the request with this number; the first is 0. Nothing adds up to a drift.</summary>
    public TimeSpan DueOf(long index) =>
        TimeSpan.FromTicks((long)Math.Round((double)index * TimeSpan.TicksPerSecond / PerSecond));

    /// <summary>How many requests are due before that much time has passed.</summary>
    public long CountWithin(TimeSpan duration)
    {
        var count = (long)Math.Ceiling(duration.TotalSeconds * PerSecond);

        // 30 s at 0.1 a second are 3.0000000000000004 of them.
        while (count > 1 && DueOf(count - 1) >= duration)
        {
            count--;
        }

        return count;
    }
}
