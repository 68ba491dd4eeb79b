using System.Runtime.InteropServices;

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

    private static readonly TimeSpan ReservedPatience = TimeSpan.FromSeconds(1);

    // Leaves room for one more cost without overflow.
    private const long Latest = long.MaxValue / 2;

    // Ticks in which one unit flows off: its share of the minute, rounded up, so that rounding lets nothing through.
    private readonly long _unit;

    // A minute's worth. A little more than a minute where it was rounded, so that all its units fit in.
    private readonly long _full;
    private readonly TimeProvider _clock;

    // When everything that was taken will have flowed off ("theoretical arrival time"). Interlocked only.
    private long _emptyAt;

    // Units that are reserved and not settled. Nothing of them flows off: they are not used yet. Interlocked only.
    private long _reserved;

    /// <param name="perMinute">The limit, 1 to <see cref="PerMinuteMax"/>.</param>
    /// <param name="clock">Its monotonic time is what counts.</param>
    /// <param name="taken">Units that count as taken just now.</param>
    public RateWindow(long perMinute, TimeProvider clock, long taken = 0)
    {
        (PerMinute, _clock) = (perMinute, clock);
        _unit = (60 * clock.TimestampFrequency + perMinute - 1) / perMinute;
        _full = perMinute * _unit;
        _emptyAt = clock.GetTimestamp() + CostOf(taken);
    }

    public long PerMinute { get; }

    /// <summary>The time of its clock, in ticks.</summary>
    public long Now => _clock.GetTimestamp();

    /// <summary>Units that could be taken at once, now.</summary>
    public long Remaining => RemainingAt(Level);

    /// <summary>How long until the whole minute's worth is there again.</summary>
    public TimeSpan FullIn => TimeOf(Level);

    /// <summary>What is there now, and when more is, at one reading of the clock.</summary>
    public RateLevel Look()
    {
        var level = Level;
        var next = (Math.Max(0, (_full - level) / _unit) + 1) * _unit;
        return new RateLevel(PerMinute, RemainingAt(level), TimeOf(next + level - _full), TimeOf(level));
    }

    /// <summary>Whether nothing that was taken is still to flow off: forgetting the window changes nothing.</summary>
    public bool IsAtRest => Level == 0 && Interlocked.Read(ref _reserved) == 0;

    /// <summary>Takes the units, or says how long to wait for them. More than a minute's worth never passes.</summary>
    public bool TryTake(long units, out TimeSpan wait)
    {
        var cost = CostOf(units);
        var now = _clock.GetTimestamp();
        while (true)
        {
            var emptyAt = Interlocked.Read(ref _emptyAt);
            var next = Math.Max(emptyAt, now) + cost;
            var excess = next - now - _full;
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
    /// Takes more than was asked for before, whatever the limit says, or, when negative, gives back what was taken at
    /// this moment and not used. What was taken a while ago is given back by <see cref="GiveBack"/>.
    /// </summary>
    public void Correct(long units) => Move(units < 0 ? -CostOf(-units) : CostOf(units));

    /// <summary>
    /// Gives back what was taken and not used, less what has flowed off since then: others may have had that already,
    /// and nobody may have it twice.
    /// </summary>
    /// <param name="units">Not more than were taken.</param>
    /// <param name="takenAt">Ticks of the monotonic clock, from before they were taken.</param>
    public void GiveBack(long units, long takenAt) =>
        Move(-Math.Max(0, CostOf(units) - Math.Max(0, _clock.GetTimestamp() - takenAt)));

    /// <summary>
    /// Reserves units of which it is not known yet whether they will be used. What was used, what is reserved and these
    /// never are more than a minute's worth together.
    /// </summary>
    /// <param name="units">The most that may be used.</param>
    /// <param name="wait">
    /// How long until they could be there; infinite when they are more than a minute's worth. When others have reserved
    /// too much, nobody knows, and it is a second.
    /// </param>
    public bool TryReserve(long units, out TimeSpan wait)
    {
        wait = units > PerMinute ? Timeout.InfiniteTimeSpan : TimeSpan.Zero;
        if (units > PerMinute)
        {
            return false;
        }

        // First reserved, then looked at: of two at once both may see too much, but never both too little.
        var reserved = Interlocked.Add(ref _reserved, units);
        var excess = Level + CostOf(reserved) - _full;
        if (excess <= 0)
        {
            return true;
        }

        Interlocked.Add(ref _reserved, -units);
        wait = CostOf(reserved) > _full ? ReservedPatience : TimeOf(excess);
        return false;
    }

    /// <summary>So much was used of what was reserved; it flows off from now on.</summary>
    public void Settle(long reserved, long used)
    {
        // In this order, so that for a moment too much is seen and never too little.
        Correct(used);
        Interlocked.Add(ref _reserved, -reserved);
    }

    private long RemainingAt(long level) =>
        Math.Max(0, ((_full - level) / _unit) - Interlocked.Read(ref _reserved));

    private long Level => Math.Max(0, Interlocked.Read(ref _emptyAt) - _clock.GetTimestamp());

    /// <summary>A window of which so much is taken as of this one.</summary>
    public RateWindow Copy() => new(PerMinute, _clock) { _emptyAt = Interlocked.Read(ref _emptyAt) };

    private void Move(long cost)
    {
        if (cost == 0)
        {
            return;
        }

        while (true)
        {
            // From now on, not from when it was last empty: what is taken after a rest would be lost otherwise.
            var emptyAt = Interlocked.Read(ref _emptyAt);
            var next = Math.Max(emptyAt, _clock.GetTimestamp()) + cost;
            if (Interlocked.CompareExchange(ref _emptyAt, Math.Min(next, Latest), emptyAt) == emptyAt)
            {
                return;
            }
        }
    }

    private long CostOf(long units) => units <= long.MaxValue / 4 / _unit ? units * _unit : long.MaxValue / 4;

    private TimeSpan TimeOf(long ticks) => TimeSpan.FromSeconds((double)ticks / _clock.TimestampFrequency);
}

/// <summary>How a <see cref="RateWindow"/> stands at one moment.</summary>
/// <param name="PerMinute">The limit.</param>
/// <param name="Remaining">Units that could be taken at once.</param>
/// <param name="NextIn">How long until one unit more than these could be taken in all.</param>
/// <param name="FullIn">How long until the whole minute's worth is there again.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct RateLevel(long PerMinute, long Remaining, TimeSpan NextIn, TimeSpan FullIn);
