using System.Runtime.InteropServices;

namespace LlmProxy.Caching;

/// <summary>
/// What the memory store has let go of and the garbage collector has not taken back yet. It takes memory like what is
/// kept, and by itself the collector would let as much of it gather as is kept: so it is counted, and the collector is
/// asked in time. Guarded by the store's lock, but for <see cref="Collect"/>.
/// </summary>
/// <param name="bytesMax">So many are too many.</param>
/// <param name="collections">The collections of everything that there were.</param>
/// <param name="collect">Begins one, without waiting for it.</param>
/// <param name="clock">For the least time between two.</param>
internal sealed class Garbage(long bytesMax, Func<FullCollections> collections, Action collect, TimeProvider clock)
{
    // A collection costs what is alive, whatever it finds.
    private static readonly TimeSpan IntervalMin = TimeSpan.FromMilliseconds(100);

    // After that the collector seems to have dropped the request.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    // What the collector says of itself takes a microsecond and some allocations.
    private static readonly TimeSpan LookIntervalMin = TimeSpan.FromMilliseconds(1);

    private long _bytes;

    // Of them, what was there when the collector was asked; it has it when one has ended that began after this one.
    private long _asked;
    private long _askedAfter;
    private long? _askedAt;
    private long _lookedAt;

    /// <summary>What the runtime's own collector does.</summary>
    public static Garbage OfThisProcess(long bytesMax, TimeProvider clock) => new(
        bytesMax,
        static () => new FullCollections(
            GC.GetGCMemoryInfo(GCKind.Any).Index,
            Math.Max(GC.GetGCMemoryInfo(GCKind.Background).Index, GC.GetGCMemoryInfo(GCKind.FullBlocking).Index)),
        static () => GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false),
        clock);

    public void Add(long bytes) => _bytes += bytes;

    /// <summary>Whether there is so little that it stays below a bound.</summary>
    public bool IsBelow(long bound)
    {
        if (_bytes >= bound)
        {
            TakeOffWhatIsCollected();
        }

        return _bytes < bound;
    }

    /// <summary>Whether it is time for <see cref="Collect"/>, which the caller then must call.</summary>
    public bool MustBeCollected()
    {
        if (IsBelow(bytesMax)
            || (_askedAt is { } at && clock.GetElapsedTime(at) < (_asked > 0 ? Patience : IntervalMin)))
        {
            return false;
        }

        _askedAt = clock.GetTimestamp();
        if (_asked == 0)
        {
            _asked = _bytes;
            _askedAfter = collections().Last;
        }

        return true;
    }

    /// <summary>
    /// On the thread pool: it begins with a short pause, and may wait for a collection that is under way.
    /// </summary>
    public void Collect() =>
        ThreadPool.UnsafeQueueUserWorkItem(static begin => begin(), collect, preferLocal: false);

    private void TakeOffWhatIsCollected()
    {
        if (_asked == 0 || clock.GetElapsedTime(_lookedAt) < LookIntervalMin)
        {
            return;
        }

        _lookedAt = clock.GetTimestamp();
        if (collections().LastFull > _askedAfter)
        {
            _bytes -= _asked;
            _asked = 0;
        }
    }
}

/// <summary>Numbers of collections; each has the next one when it begins.</summary>
/// <param name="Last">The last one that has ended.</param>
/// <param name="LastFull">The last one of all generations that has ended.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct FullCollections(long Last, long LastFull);
