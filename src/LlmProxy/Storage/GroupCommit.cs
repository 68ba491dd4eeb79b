using System.Data.Common;
using System.Threading.Channels;
using Microsoft.Data.Sqlite;

namespace LlmProxy.Storage;

/// <summary>
/// The one writer of this process. It gathers what is waiting into one transaction, because a commit is an fsync and a
/// thousand callers can share it. A change that fails is undone alone; the others go on.
/// </summary>
internal sealed class GroupCommit(SqliteConnection connection, TimeProvider clock, ILogger logger) : IAsyncDisposable
{
    private const int QueuedMax = 16_384;
    private const int BatchMax = 512;
    private const string OneChange = "one_change";

    // A change that got no turn in this time is withdrawn; one that has begun is waited for as long again.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly Channel<Change> _queue = Channel.CreateBounded<Change>(
        new BoundedChannelOptions(QueuedMax) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });

    private Task _writing = Task.CompletedTask;

    public void Start() => _writing = Task.Run(WriteAllAsync, CancellationToken.None);

    /// <summary>
    /// Waits until the change is on disk. A caller cannot leave early: what it asked for happens whether it waits or
    /// not.
    /// </summary>
    public async Task<T> WriteAsync<T>(Func<DbConnection, DbTransaction, T> work)
    {
        var change = new Change((connection, transaction) => work(connection, transaction));
        if (!_queue.Writer.TryWrite(change))
        {
            throw new StoreUnavailable("Too many changes are waiting to be written, or the store is being closed.");
        }

        try
        {
            return (T)(await ResultOfAsync(change))!;
        }
        catch (SqliteException failure)
        {
            throw new StoreUnavailable("The change could not be written.", failure);
        }
    }

    /// <summary>Writes what is waiting, then closes the connection.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _writing;
        await connection.DisposeAsync();
    }

    private async Task<object?> ResultOfAsync(Change change)
    {
        try
        {
            return await change.Done.WaitAsync(Patience, clock);
        }
        catch (TimeoutException) when (change.TryWithdraw())
        {
            throw new StoreUnavailable("The change got no turn to be written in time.");
        }
        catch (TimeoutException)
        {
            // It has begun: see below.
        }

        try
        {
            return await change.Done.WaitAsync(Patience, clock);
        }
        catch (TimeoutException)
        {
            throw new StoreUnavailable("The disk does not finish a change.", mayHaveHappened: true);
        }
    }

    private async Task WriteAllAsync()
    {
        var batch = new List<Change>(BatchMax);
        while (await _queue.Reader.WaitToReadAsync())
        {
            while (batch.Count < BatchMax && _queue.Reader.TryRead(out var change))
            {
                if (change.TryBegin())
                {
                    batch.Add(change);
                }
            }

            Write(batch);
            batch.Clear();
        }
    }

    private void Write(List<Change> batch)
    {
        try
        {
            using var transaction = connection.BeginTransaction(deferred: false);
            foreach (var change in batch)
            {
                Apply(change, transaction);
            }

            transaction.Commit();
        }
#pragma warning disable CA1031 // Whatever it is, everybody who waits must hear of it, and the writer must go on.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            // Also when it was the commit that failed (disk full, I/O): SQLite has then rolled the transaction back for
            // everybody who is alive, so none of it happened.
            logger.CommitFailed(failure, batch.Count);
            var unavailable = new StoreUnavailable("The transaction could not be written.", failure);
            batch.ForEach(change => change.Fail(unavailable));
            return;
        }

        batch.ForEach(static change => change.Finish());
    }

    private void Apply(Change change, SqliteTransaction transaction)
    {
        transaction.Save(OneChange);
        try
        {
            change.Run(connection, transaction);
        }
#pragma warning disable CA1031 // Whatever it is, it belongs to the caller who waits for this change.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            // When SQLite has given up the whole transaction (disk full, I/O), this throws, and all of them fail.
            transaction.Rollback(OneChange);
            change.Failure = failure;
        }

        transaction.Release(OneChange);
    }

    /// <summary>What one caller wants written. It is begun or withdrawn, never both.</summary>
    private sealed class Change(Func<DbConnection, DbTransaction, object?> work)
    {
        private const int Waiting = 0;
        private const int Begun = 1;
        private const int Withdrawn = 2;

        private readonly TaskCompletionSource<object?> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private object? _result;
        private int _state = Waiting;

        public Task<object?> Done => _done.Task;

        public Exception? Failure { get; set; }

        public bool TryBegin() => Interlocked.CompareExchange(ref _state, Begun, Waiting) == Waiting;

        public bool TryWithdraw() => Interlocked.CompareExchange(ref _state, Withdrawn, Waiting) == Waiting;

        public void Run(DbConnection connection, DbTransaction transaction) => _result = work(connection, transaction);

        public void Fail(Exception failure) => _done.TrySetException(Failure ?? failure);

        /// <summary>
        /// The transaction is on disk: tells the caller the result, or why this change is not part of it.
        /// </summary>
        public void Finish()
        {
            if (Failure is null)
            {
                _done.TrySetResult(_result);
            }
            else
            {
                _done.TrySetException(Failure);
            }
        }
    }
}
