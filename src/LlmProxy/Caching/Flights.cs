using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace LlmProxy.Caching;

/// <summary>A place in a flight.</summary>
/// <param name="Flight">The flight.</param>
/// <param name="IsLeader">Whether to make the call, or to wait for it.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct FlightPlace(Flight? Flight, bool IsLeader);

/// <summary>
/// The calls that run now and may answer more than one request. Knows too which keys had answers that cannot be shared,
/// so that requests for them do not wait for each other, and what was invalidated while its answer was on the way. What
/// is remembered of one project has no effect on another, so nobody can tell what others do.
/// </summary>
internal sealed class Flights(CacheClock clock)
{
    private const long AloneMilliseconds = 10_000;

    // More than that wait for the next client who asks.
    private const int RefreshesAtOnceMax = 16;

    private readonly ConcurrentDictionary<CacheKey, Flight> _running = new();

    // As many as there are projects that use the cache, 1.6 kB each.
    private readonly ConcurrentDictionary<Guid, Lane> _lanes = new();
    private long _epochOfAll;
    private int _open;

    /// <summary>Nothing is on its way, so nothing on its way can be out of date.</summary>
    public bool AreNone => Volatile.Read(ref _open) == 0;

    /// <summary>The one who asks first leads; the others follow, unless waiting is known to be of no use.</summary>
    public FlightPlace Enter(in CacheKey key)
    {
        if (LaneOf(key).IsAlone(key, clock.Now))
        {
            return new FlightPlace(Open(key), IsLeader: true);
        }

        var epoch = EpochOf(key);
        while (true)
        {
            if (_running.TryGetValue(key, out var running))
            {
                // One that began before something was invalidated brings what is out of date.
                if (running.Epoch == epoch && running.TryJoin())
                {
                    return new FlightPlace(running, IsLeader: false);
                }

                _running.TryRemove(new KeyValuePair<CacheKey, Flight>(key, running));
            }

            var mine = new Flight(key, epoch);
            if (_running.TryAdd(key, mine))
            {
                Interlocked.Increment(ref _open);
                return new FlightPlace(mine, IsLeader: true);
            }
        }
    }

    /// <summary>A flight that nobody can join.</summary>
    public Flight Open(in CacheKey key)
    {
        Interlocked.Increment(ref _open);
        return new Flight(key, EpochOf(key));
    }

    /// <summary>Nobody joins any more. Called once for each flight that was led or opened.</summary>
    public void Close(Flight flight)
    {
        // Whoever waits yet must not wait for ever, whatever went wrong.
        Fail(flight);
        Interlocked.Decrement(ref _open);
    }

    /// <summary>The call failed: the next one may lead.</summary>
    public void Fail(Flight flight)
    {
        flight.Tell(new FlightHead(FlightEnd.Failed));
        _running.TryRemove(new KeyValuePair<CacheKey, Flight>(flight.Key, flight));
    }

    /// <summary>The answer cannot be shared, and the next ones will probably be like it.</summary>
    public void GoAlone(Flight flight)
    {
        LaneOf(flight.Key).GoAlone(flight.Key, clock.Now + AloneMilliseconds);
        flight.Tell(new FlightHead(FlightEnd.Alone));
        _running.TryRemove(new KeyValuePair<CacheKey, Flight>(flight.Key, flight));
    }

    /// <summary>An answer was stored: who has looked before must look again.</summary>
    public void Land(in CacheKey key) => LaneOf(key).Land(key);

    /// <summary>Changes when an answer was stored under the key.</summary>
    public long LandingsOf(in CacheKey key) => LaneOf(key).LandingsOf(key);

    /// <summary>What is on its way for this key is out of date.</summary>
    public void Invalidate(in CacheKey key)
    {
        if (_lanes.TryGetValue(key.Project, out var lane))
        {
            lane.Invalidate(key);
        }
    }

    /// <summary>Everything that is on its way is out of date.</summary>
    public void InvalidateAll() => Interlocked.Increment(ref _epochOfAll);

    /// <summary>Whether nothing was invalidated since the flight began.</summary>
    public bool IsCurrent(Flight flight) => flight.Epoch == EpochOf(flight.Key);

    /// <summary>
    /// One more answer of the key's project is validated in the background, until <see cref="EndRefresh"/>; false when
    /// so many are already.
    /// </summary>
    public bool TryBeginRefresh(in CacheKey key) => LaneOf(key).TryBeginRefresh(RefreshesAtOnceMax);

    public void EndRefresh(in CacheKey key) => LaneOf(key).EndRefresh();

    private long EpochOf(in CacheKey key) => LaneOf(key).EpochOf(key) + Volatile.Read(ref _epochOfAll);

    private Lane LaneOf(in CacheKey key) =>
        _lanes.TryGetValue(key.Project, out var lane) ? lane : _lanes.GetOrAdd(key.Project, static _ => new Lane());

    /// <summary>What is remembered of one project's keys, in slots that several keys share.</summary>
    private sealed class Lane
    {
        // A power of two. Two keys in one slot cost a wait, a call or a stored answer, never a wrong one.
        private const int Slots = 64;

        private readonly long[] _epochs = new long[Slots];
        private readonly long[] _landings = new long[Slots];
        private readonly long[] _aloneUntil = new long[Slots];
        private int _refreshes;

        public bool IsAlone(in CacheKey key, long now) => Volatile.Read(ref _aloneUntil[SlotOf(key)]) > now;

        public void GoAlone(in CacheKey key, long until) => Volatile.Write(ref _aloneUntil[SlotOf(key)], until);

        public void Land(in CacheKey key) => Interlocked.Increment(ref _landings[SlotOf(key)]);

        public long LandingsOf(in CacheKey key) => Volatile.Read(ref _landings[SlotOf(key)]);

        public void Invalidate(in CacheKey key) => Interlocked.Increment(ref _epochs[SlotOf(key)]);

        public long EpochOf(in CacheKey key) => Volatile.Read(ref _epochs[SlotOf(key)]);

        public bool TryBeginRefresh(int max)
        {
            if (Interlocked.Increment(ref _refreshes) <= max)
            {
                return true;
            }

            Interlocked.Decrement(ref _refreshes);
            return false;
        }

        public void EndRefresh() => Interlocked.Decrement(ref _refreshes);

        private static int SlotOf(in CacheKey key) => (int)(key.Digest.B & (Slots - 1));
    }
}
