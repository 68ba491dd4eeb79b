using System.Collections.Concurrent;
using LlmProxy.Storage;

namespace LlmProxy.Limits;

/// <summary>
/// Counts what each token was answered from the cache, and writes it down about once a second. Whoever records neither
/// waits nor locks. No hit is written twice; one is lost only when the disk does not say whether it has it, or when
/// more tokens than <see cref="TokensMax"/> are waiting for a store that is away, and the log tells.
/// </summary>
internal sealed class CacheHits(CacheHitStore store, TimeProvider clock, ILogger<CacheHits> logger) : BackgroundService
{
    // So many tokens are a transaction, some 20 ms of the one writer, so that leases get their turn.
    private const int BatchMax = 500;

    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<Guid, Counter> _counters = new();

    // Who flushes holds it, so that who comes after finds everything written. Only the holder closes counters.
    private readonly SemaphoreSlim _flushing = new(1, 1);

    // How many counters there are, because the dictionary would lock to say so. Interlocked.
    private int _count;

    // Since the last tick. Interlocked.
    private long _lost;

    /// <summary>How many tokens' hits are kept while the store does not take them: about 15 MB.</summary>
    public int TokensMax { get; init; } = 100_000;

    /// <summary>A request was answered from the cache. Some 20 ns.</summary>
    public void Record(Guid tokenId, Guid projectId)
    {
        while (true)
        {
            if (!_counters.TryGetValue(tokenId, out var counter))
            {
                if (Volatile.Read(ref _count) >= TokensMax)
                {
                    Interlocked.Increment(ref _lost);
                    return;
                }

                counter = new Counter(tokenId, projectId);
                if (!_counters.TryAdd(tokenId, counter))
                {
                    continue;
                }

                Interlocked.Increment(ref _count);
            }

            if (counter.TryAdd(1))
            {
                return;
            }

            // It was closed for being idle, and nothing that is added to it counts any more.
            TakeOut(counter);
        }
    }

    /// <summary>Writes down what was recorded before, so that the store holds the present, if it can be reached.</summary>
    public async Task FlushAsync()
    {
        if (Volatile.Read(ref _count) == 0)
        {
            return;
        }

        await _flushing.WaitAsync();
        try
        {
            foreach (var some in TakeAll().Chunk(BatchMax))
            {
                await WriteAsync(some);
            }
        }
        finally
        {
            _flushing.Release();
        }
    }

    /// <summary>Called when no request runs any more.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await FlushAsync();
    }

    public override void Dispose()
    {
        _flushing.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Tick, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await FlushAsync();
                if (Interlocked.Exchange(ref _lost, 0) is > 0 and var lost)
                {
                    logger.CacheHitsLost(lost);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Stopping: StopAsync writes the rest.
        }
    }

    /// <summary>Takes the hits of each token. A counter to which nothing was added since the last time goes.</summary>
    private List<(Counter Counter, long Hits)> TakeAll()
    {
        var taken = new List<(Counter, long)>();
        foreach (var (_, counter) in _counters)
        {
            if (counter.Take() is > 0 and var hits)
            {
                taken.Add((counter, hits));
            }
            else if (counter.TryClose())
            {
                TakeOut(counter);
            }
        }

        return taken;
    }

    private async Task WriteAsync((Counter Counter, long Hits)[] taken)
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        try
        {
            await store.AddAsync(
                [.. taken.Select(one => new OwnedHits(one.Counter.TokenId.ToString(), one.Hits, now))],
                [.. taken.GroupBy(static one => one.Counter.ProjectId).Select(project =>
                    new OwnedHits(project.Key.ToString(), project.Sum(static one => one.Hits), now))]);
        }
        catch (StoreUnavailable failure)
        {
            logger.WritingCacheHitsFailed(failure, taken.Length);
            foreach (var (counter, hits) in failure.MayHaveHappened ? [] : taken)
            {
                counter.TryAdd(hits);
            }
        }
    }

    private void TakeOut(Counter counter)
    {
        if (_counters.TryRemove(KeyValuePair.Create(counter.TokenId, counter)))
        {
            Interlocked.Decrement(ref _count);
        }
    }

    /// <summary>The hits of one token that are not written yet.</summary>
    private sealed class Counter(Guid tokenId, Guid projectId)
    {
        // So low that no number of additions makes an open counter of a closed one.
        private const long Closed = long.MinValue / 2;

        private long _hits;

        public Guid TokenId => tokenId;

        public Guid ProjectId => projectId;

        /// <summary>False when it is closed; the hits must go to another one.</summary>
        public bool TryAdd(long hits) => Interlocked.Add(ref _hits, hits) > 0;

        public long Take() => Interlocked.Exchange(ref _hits, 0);

        /// <summary>Only when nothing was added since it was taken.</summary>
        public bool TryClose() => Interlocked.CompareExchange(ref _hits, Closed, 0) == 0;
    }
}
