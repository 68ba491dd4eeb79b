namespace LlmProxy.Limits;

/// <summary>
/// So many units a minute, by the generic cell rate algorithm (ITU-T I.371): after a pause the whole minute's worth may
/// come at once, then one unit each time its share of the minute has passed. Runs on the monotonic clock, so what
/// happens to the wall clock does not matter. Lock-free; a few nanoseconds.
/// </summary>
internal sealed class RateWindow
{
    /// <summary>Far beyond any use; a unit's share of a minute is then still some ticks of the clock.</summary>
    public const long PerMinuteMax = 1_000_000_000;

    private readonly long _minute;
    private readonly TimeProvider _clock;

    // When everything that was taken will have flowed off ("theoretical arrival time"). Interlocked only.
    private long _emptyAt;

    /// <param name="perMinute">The limit, 1 to <see cref="PerMinuteMax"/>.</param>
    /// <param name="clock">Its monotonic time is what counts.</param>
    /// <param name="taken">Units that count as taken just now.</param>
    public RateWindow(long perMinute, TimeProvider clock, long taken = 0)
    {
        (PerMinute, _clock) = (perMinute, clock);
        _minute = 60 * clock.TimestampFrequency;
        _emptyAt = clock.GetTimestamp() + CostOf(taken);
    }

    public long PerMinute { get; }

    /// <summary>Units that could be taken at once, now.</summary>
    public long Remaining
    {
        get
        {
            var level = Math.Max(0, Interlocked.Read(ref _emptyAt) - _clock.GetTimestamp());
            return level >= _minute ? 0 : (long)((Int128)(_minute - level) * PerMinute / _minute);
        }
    }

    /// <summary>How long until the whole minute's worth is there again.</summary>
    public TimeSpan FullIn => TimeOf(Math.Max(0, Interlocked.Read(ref _emptyAt) - _clock.GetTimestamp()));

    /// <summary>Whether nothing that was taken is still to flow off: forgetting the window changes nothing.</summary>
    public bool IsAtRest => Interlocked.Read(ref _emptyAt) <= _clock.GetTimestamp();

    /// <summary>Takes the units, or says how long to wait for them. More than a minute's worth never passes.</summary>
    public bool TryTake(long units, out TimeSpan wait)
    {
        var cost = CostOf(units);
        var now = _clock.GetTimestamp();
        while (true)
        {
            var emptyAt = Interlocked.Read(ref _emptyAt);
            var next = Math.Max(emptyAt, now) + cost;
            var excess = next - now - _minute;
            if (excess > 0)
            {
                wait = units > PerMinute ? Timeout.InfiniteTimeSpan : TimeOf(excess);
                return false;
            }

            if (Interlocked.CompareExchange(ref _emptyAt, next, emptyAt) == emptyAt)
            {
                wait = TimeSpan.Zero;
                return true;
            }
        }
    }

    /// <summary>
    /// Takes more than was asked for before, whatever the limit says, or, when negative, gives back what was not used.
    /// </summary>
    public void Correct(long units)
    {
        if (units != 0)
        {
            Interlocked.Add(ref _emptyAt, units < 0 ? -CostOf(-units) : CostOf(units));
        }
    }

    // Rounded up, so that rounding never lets more through; what is given back is what was taken.
    private long CostOf(long units) => units == 1
        ? (_minute + PerMinute - 1) / PerMinute
        : (long)Int128.Min(((Int128)units * _minute + PerMinute - 1) / PerMinute, long.MaxValue / 4);

    private TimeSpan TimeOf(long ticks) => TimeSpan.FromSeconds((double)ticks / _clock.TimestampFrequency);
}
