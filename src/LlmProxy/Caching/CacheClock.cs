namespace LlmProxy.Caching;

/// <summary>
/// The time by which stored answers age: the wall clock as it was at the start, and from then on the monotonic one, so
/// that nothing becomes older, younger or fresh again when somebody sets the clock.
/// </summary>
internal sealed class CacheClock(TimeProvider time)
{
    private readonly long _start = time.GetTimestamp();
    private readonly DateTimeOffset _wallAtStart = time.GetUtcNow();

    /// <summary>Unix milliseconds.</summary>
    public long Now => _wallAtStart.ToUnixTimeMilliseconds() + (long)time.GetElapsedTime(_start).TotalMilliseconds;
}
