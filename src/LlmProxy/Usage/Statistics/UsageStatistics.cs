using System.Security.Cryptography;
using System.Threading.Channels;
using LlmProxy.Storage;

namespace LlmProxy.Usage.Statistics;

/// <summary>
/// Takes note of every exchange, and writes the sums about once a second. Whoever records never waits for the store,
/// and nothing is dropped for being fast.
/// </summary>
internal sealed class UsageStatistics(
    UsageStore store, UsageRetention retention, TimeProvider clock, ILogger<UsageStatistics> logger) : BackgroundService
{
    private const int QueuedMax = 1_024;

    // So many are added under the lock at a time, which callers may be waiting for: some 10 µs.
    private const int DrainedMax = 128;

    // So many sums are a transaction, some 20 ms of the one writer, so that leases get their turn.
    private const int BatchMax = 200;

    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan SweepEvery = TimeSpan.FromMinutes(10);

    // Polled and never waited for, because waking a reader costs 10 to 20 µs CPU a request.
    private readonly Channel<ExchangeUsage> _queue = Channel.CreateBounded<ExchangeUsage>(
        new BoundedChannelOptions(QueuedMax) { FullMode = BoundedChannelFullMode.Wait });

    // Guards the book.
    private readonly Lock _lock = new();
    private readonly UsageBook _book = new();

    // Who flushes holds it, so that who comes after finds everything written.
    private readonly SemaphoreSlim _flushing = new(1, 1);

    // Names this run of the program to the store; together with the batch's number it says which batch is which.
    private readonly string _writer = RandomNumberGenerator.GetHexString(32, lowercase: true);
    private IReadOnlyList<UsageRow>? _batch;
    private long _batchNumber;
    private DateTimeOffset _nextSweep;

    /// <summary>Takes note of an exchange. Called once for each, when it has ended.</summary>
    public void Record(in ExchangeUsage exchange)
    {
        if (exchange.ProjectId == Guid.Empty || _queue.Writer.TryWrite(exchange))
        {
            return;
        }

        // The queue is full, so the reader is late: the caller does the reader's work for this one.
        lock (_lock)
        {
            _book.Add(exchange);
        }
    }

    /// <summary>
    /// Writes down what was recorded before, so that the store holds the present. Throws
    /// <see cref="StoreUnavailable"/> when it cannot; nothing is lost then, and the next call tries again.
    /// </summary>
    public async Task FlushAsync(CancellationToken aborted = default)
    {
        await _flushing.WaitAsync(aborted);
        try
        {
            Drain();
            for (var left = BatchesLeft(); left > 0; left--)
            {
                if (_batch is null)
                {
                    _batch = TakeBatch();
                    _batchNumber++;
                }

                // A batch whose writing failed stays as it is: it may be on disk all the same, and its number tells.
                await store.AddAsync(_writer, _batchNumber, clock.GetUtcNow().ToUnixTimeMilliseconds(), _batch);
                _batch = null;
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
        try
        {
            await FlushAsync(CancellationToken.None);
        }
        catch (StoreUnavailable failure)
        {
            logger.UsageLostAtStop(failure);
        }
    }

    public override void Dispose()
    {
        _flushing.Dispose();
        base.Dispose();
    }

    /// <summary>Deletes some of what is kept no longer; true when there may be more.</summary>
    internal async Task<bool> SweepAsync()
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        return await store.SweepAsync(
            retention.Begin(UsageInterval.Minute, now),
            retention.Begin(UsageInterval.Hour, now),
            retention.Begin(UsageInterval.Day, now),
            now - UsageIntervals.Day);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Tick, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await TickAsync();
            }
        }
        catch (OperationCanceledException)
        {
            // Stopping: StopAsync writes the rest.
        }
    }

    private async Task TickAsync()
    {
        try
        {
            await FlushAsync(CancellationToken.None);
            var now = clock.GetUtcNow();
            if (now >= _nextSweep && !await SweepAsync())
            {
                _nextSweep = now + SweepEvery;
            }
        }
        catch (StoreUnavailable failure)
        {
            logger.WritingUsageFailed(failure);
        }

        long lost;
        lock (_lock)
        {
            lost = _book.TakeLost();
        }

        if (lost > 0)
        {
            logger.UsageLost(lost);
        }
    }

    /// <summary>As much as there was when it began: others may go on recording for ever.</summary>
    private void Drain()
    {
        for (var left = _queue.Reader.Count; left > 0; left -= DrainedMax)
        {
            lock (_lock)
            {
                for (var i = Math.Min(left, DrainedMax); i > 0 && _queue.Reader.TryRead(out var exchange); i--)
                {
                    _book.Add(exchange);
                }
            }
        }
    }

    private int BatchesLeft()
    {
        lock (_lock)
        {
            return (_batch is null ? 0 : 1) + ((_book.Count + BatchMax - 1) / BatchMax);
        }
    }

    private List<UsageRow> TakeBatch()
    {
        lock (_lock)
        {
            return _book.Take(BatchMax);
        }
    }
}
