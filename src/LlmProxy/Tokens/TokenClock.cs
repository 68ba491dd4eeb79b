namespace LlmProxy.Tokens;

/// <summary>
/// The time by which tokens expire: the wall clock, but it never goes back. When the wall clock is set back, this one
/// goes on from the latest time it has seen, by the monotonic clock, so that nothing that has expired is revived.
/// </summary>
internal sealed class TokenClock(TimeProvider clock)
{
    // Replaced as a whole, so that time and time stamp always belong together.
    private volatile Mark _latest = new(clock.GetUtcNow().ToUnixTimeMilliseconds(), clock.GetTimestamp());

    /// <summary>Unix milliseconds.</summary>
    public long Now
    {
        get
        {
            var latest = _latest;
            var wall = clock.GetUtcNow().ToUnixTimeMilliseconds();
            var least = latest.Milliseconds + (long)clock.GetElapsedTime(latest.Timestamp).TotalMilliseconds;
            if (wall - least > Tolerance)
            {
                _latest = new Mark(wall, clock.GetTimestamp());
            }

            return Math.Max(wall, least);
        }
    }

    // Both clocks are rounded; without this, a new mark would be made every other time.
    private const long Tolerance = 2;

    private sealed record Mark(long Milliseconds, long Timestamp);
}
