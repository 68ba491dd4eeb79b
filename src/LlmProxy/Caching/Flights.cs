using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace LlmProxy.Caching;

/// <summary>A place in a flight.</summary>
/// <param name="Flight">The flight; null for who goes alone.</param>
/// <param name="IsLeader">Whether to make the call, or to wait for it.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct FlightPlace(Flight? Flight, bool IsLeader);

/// <summary>
/// The calls that run now and may answer more than one request. Knows too which keys had answers that cannot be shared,
/// so that requests for them do not wait for each other, and what was invalidated while its answer was on the way.
/// </summary>
internal sealed class Flights(CacheClock clock)
{
    // A power of two. Two keys in one slot cost a wait, a call or a stored answer, never a wrong one.
    private const int Slots = 4_096;

    private const long AloneMilliseconds = 10_000;

    private readonly ConcurrentDictionary<CacheKey, Flight> _running = new();
    private readonly long[] _epochs = new long[Slots];
    private readonly long[] _landings = new long[Slots];
    private readonly long[] _aloneUntil = new long[Slots];
    private long _epochOfAll;

    /// <summary>The one who asks first leads; the others follow, unless waiting is known to be of no use.</summary>
    public FlightPlace Enter(in CacheKey key)
    {
        if (Volatile.Read(ref _aloneUntil[SlotOf(key)]) > clock.Now)
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
                return new FlightPlace(mine, IsLeader: true);
            }
        }
    }

    /// <summary>A flight that nobody can join.</summary>
    public Flight Open(in CacheKey key) => new(key, EpochOf(key));

    /// <summary>Nobody joins any more.</summary>
    public void Close(Flight flight)
    {
        // Whoever waits yet must not wait for ever, whatever went wrong.
        flight.Tell(new FlightHead(FlightEnd.Failed));
        _running.TryRemove(new KeyValuePair<CacheKey, Flight>(flight.Key, flight));
    }

    /// <summary>The answer cannot be shared, and the next ones will probably be like it.</summary>
    public void GoAlone(Flight flight)
    {
        Volatile.Write(ref _aloneUntil[SlotOf(flight.Key)], clock.Now + AloneMilliseconds);
        flight.Tell(new FlightHead(FlightEnd.Alone));
        _running.TryRemove(new KeyValuePair<CacheKey, Flight>(flight.Key, flight));
    }

    /// <summary>An answer was stored: who has looked before must look again.</summary>
    public void Land(in CacheKey key) => Interlocked.Increment(ref _landings[SlotOf(key)]);

    /// <summary>Changes when an answer was stored under the key.</summary>
    public long LandingsOf(in CacheKey key) => Volatile.Read(ref _landings[SlotOf(key)]);

    /// <summary>What is on its way for this key is out of date.</summary>
    public void Invalidate(in CacheKey key) => Interlocked.Increment(ref _epochs[SlotOf(key)]);

    /// <summary>Everything that is on its way is out of date.</summary>
    public void InvalidateAll() => Interlocked.Increment(ref _epochOfAll);

    /// <summary>Whether nothing was invalidated since the flight began.</summary>
    public bool IsCurrent(Flight flight) => flight.Epoch == EpochOf(flight.Key);

    private long EpochOf(in CacheKey key) =>
        Volatile.Read(ref _epochs[SlotOf(key)]) + Volatile.Read(ref _epochOfAll);

    private static int SlotOf(in CacheKey key) => (int)(key.Digest.B & (Slots - 1));
}
