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

    // As many as there are projects that use the cache, about 1.5 kB each.
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

        while (true)
        {
            if (_running.TryGetValue(key, out var running))
            {
                // One that began before something was invalidated brings what is out of date.
                if (IsCurrent(running) && running.TryJoin())
                {
                    return new FlightPlace(running, IsLeader: false);
                }

                _running.TryRemove(new KeyValuePair<CacheKey, Flight>(key, running));
            }

            var mine = new Flight(key, Volatile.Read(ref _epochOfAll));
            if (_running.TryAdd(key, mine))
            {
                Watch(mine);
                return new FlightPlace(mine, IsLeader: true);
            }
        }
    }

    /// <summary>A flight that nobody can join.</summary>
    public Flight Open(in CacheKey key)
    {
        var mine = new Flight(key, Volatile.Read(ref _epochOfAll));
        Watch(mine);
        return mine;
    }

    /// <summary>Nobody joins any more. Called once for each flight that was led or opened.</summary>
    public void Close(Flight flight)
    {
        // Whoever waits yet must not wait for ever, whatever went wrong.
        Fail(flight);
        LaneOf(flight.Key).Forget(flight);
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
    public bool IsCurrent(Flight flight) =>
        !flight.IsOutdated && flight.Epoch == Volatile.Read(ref _epochOfAll);

    /// <summary>
    /// One more answer of the key's project is validated in the background, until <see cref="EndRefresh"/>; false when
    /// so many are already.
    /// </summary>
    public bool TryBeginRefresh(in CacheKey key) => LaneOf(key).TryBeginRefresh(RefreshesAtOnceMax);

    public void EndRefresh(in CacheKey key) => LaneOf(key).EndRefresh();

    private void Watch(Flight flight)
    {
        Interlocked.Increment(ref _open);
        LaneOf(flight.Key).Watch(flight);
    }

    private Lane LaneOf(in CacheKey key) =>
        _lanes.TryGetValue(key.Project, out var lane) ? lane : _lanes.GetOrAdd(key.Project, static _ => new Lane());

    /// <summary>What is remembered of one project's keys.</summary>
    private sealed class Lane
    {
        // A power of two.
        private const int Slots = 64;

        // Two keys in one slot cost a look-up.
        private readonly long[] _landings = new long[Slots];

        // Two keys in one slot: the later one is remembered.
        private readonly AloneKey?[] _alone = new AloneKey?[Slots];

        // Guarded by itself.
        private readonly HashSet<Flight> _flights = [];
        private int _refreshes;

        public bool IsAlone(in CacheKey key, long now) =>
            Volatile.Read(ref _alone[SlotOf(key)]) is { } alone && alone.Until > now && alone.Digest == key.Digest;

        public void GoAlone(in CacheKey key, long until) =>
            Volatile.Write(ref _alone[SlotOf(key)], new AloneKey(key.Digest, until));

        public void Land(in CacheKey key) => Interlocked.Increment(ref _landings[SlotOf(key)]);

        public long LandingsOf(in CacheKey key) => Volatile.Read(ref _landings[SlotOf(key)]);

        public void Watch(Flight flight)
        {
            lock (_flights)
            {
                _flights.Add(flight);
            }
        }

        public void Forget(Flight flight)
        {
            lock (_flights)
            {
                _flights.Remove(flight);
            }
        }

        /// <summary>There are as many as calls run now for the project, and of one key seldom more than one.</summary>
        public void Invalidate(in CacheKey key)
        {
            lock (_flights)
            {
                foreach (var flight in _flights)
                {
                    flight.IsOutdated |= flight.Key == key;
                }
            }
        }

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

        private sealed record AloneKey(Digest Digest, long Until);
    }
}
