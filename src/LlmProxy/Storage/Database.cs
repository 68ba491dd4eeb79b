using System.Data.Common;
using System.Threading.Channels;
using LlmProxy.Settings;
using Microsoft.Data.Sqlite;

namespace LlmProxy.Storage;

/// <summary>The store did not answer, or not in time. Whoever asked must not guess what it would have said.</summary>
internal sealed class StoreUnavailable(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// The SQLite database. One writer gathers what is waiting into one transaction (group commit: a commit is an fsync,
/// and a thousand callers can share it); readers have connections of their own and never wait for the writer (WAL).
/// SQLite blocks its caller, so all of it runs on the thread pool and never on an event loop.
/// </summary>
internal sealed partial class Database(StorageOptions options, ILogger<Database> logger) : IAsyncDisposable
{
    private const int QueuedMax = 16_384;
    private const int BatchMax = 512;
    private static readonly TimeSpan ReadPatience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan WritePatience = TimeSpan.FromSeconds(15);

    private readonly Channel<Write> _queue = Channel.CreateBounded<Write>(
        new BoundedChannelOptions(QueuedMax) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });

    private readonly string _connectionString = new SqliteConnectionStringBuilder
    {
        DataSource = options.Path,
        Mode = SqliteOpenMode.ReadWriteCreate,
        ForeignKeys = true,
        Pooling = true,
        DefaultTimeout = 5,
    }.ToString();

    private SqliteConnection? _writer;
    private Task _writing = Task.CompletedTask;

    /// <summary>Makes or opens the file, brings it to the present schema, and starts the writer.</summary>
    public async Task OpenAsync(CancellationToken stop)
    {
        try
        {
            DatabaseFile.Prepare(options.Path);
            _writer = Connect();
            Migrator.Run((SqliteConnection)_writer, _connectionString, logger);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or SqliteException
            or ArgumentException or NotSupportedException)
        {
            throw new StartFailure($"DATABASE_PATH: the database '{options.Path}' cannot be opened: {failure.Message}");
        }

        _writing = Task.Run(WriteAllAsync, CancellationToken.None);
        await CheckAsync(stop);
    }

    /// <summary>Asks the store something; throws when it does not answer.</summary>
    public Task CheckAsync(CancellationToken aborted) => ReadAsync(static connection =>
    {
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT COUNT(*) FROM sealed_secrets";
        return command.ExecuteScalar();
    }, aborted);

    /// <summary>Runs a query on the thread pool, on a connection of its own.</summary>
    public async Task<T> ReadAsync<T>(Func<DbConnection, T> query, CancellationToken aborted)
    {
        try
        {
            return await Task.Run(() =>
            {
                using var connection = Connect();
                return query(connection);
            }, aborted).WaitAsync(ReadPatience, aborted);
        }
        catch (Exception failure) when (failure is SqliteException or TimeoutException)
        {
            throw new StoreUnavailable("The database could not be read.", failure);
        }
    }

    /// <summary>
    /// Hands a change to the writer and waits until it is on disk. A caller that stops waiting does not undo the change.
    /// </summary>
    public async Task<T> WriteAsync<T>(Func<DbConnection, DbTransaction, T> change)
    {
        var write = new Write<T>(change);
        if (!_queue.Writer.TryWrite(write.Erased))
        {
            throw new StoreUnavailable("Too many changes are waiting to be written.");
        }

        try
        {
            return await write.Done.WaitAsync(WritePatience);
        }
        catch (Exception failure) when (failure is SqliteException or TimeoutException)
        {
            throw new StoreUnavailable("The change could not be written.", failure);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _writing;
        if (_writer is not null)
        {
            await _writer.DisposeAsync();
        }

        SqliteConnection.ClearAllPools();
    }

    private SqliteConnection Connect()
    {
        var connection = new SqliteConnection(_connectionString);
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;";
        command.ExecuteNonQuery();
        return connection;
    }

    private async Task WriteAllAsync()
    {
        var batch = new List<Write>(BatchMax);
        while (await _queue.Reader.WaitToReadAsync())
        {
            while (batch.Count < BatchMax && _queue.Reader.TryRead(out var write))
            {
                batch.Add(write);
            }

            Commit(batch);
            batch.Clear();
        }
    }

    /// <summary>All or nothing on disk, but one change that fails does not take the others with it.</summary>
    private void Commit(List<Write> batch)
    {
        try
        {
            using var transaction = _writer!.BeginTransaction(deferred: false);
            foreach (var write in batch)
            {
                transaction.Save("one");
                try
                {
                    write.Run(_writer, transaction);
                }
#pragma warning disable CA1031 // Whatever it is, it belongs to the caller who waits for this change.
                catch (Exception failure)
#pragma warning restore CA1031
                {
                    write.Failure = failure;
                    transaction.Rollback("one");
                }

                transaction.Release("one");
            }

            transaction.Commit();
            batch.ForEach(static write => write.Finish(write.Failure));
        }
        catch (SqliteException failure)
        {
            LogCommitFailed(logger, failure);
            batch.ForEach(write => write.Finish(failure));
        }
    }

    [LoggerMessage(1300, LogLevel.Error, "A transaction could not be committed")]
    private static partial void LogCommitFailed(ILogger logger, Exception failure);

    private sealed class Write(Action<DbConnection, DbTransaction> run, Action<Exception?> finish)
    {
        public Exception? Failure { get; set; }

        public void Run(DbConnection connection, DbTransaction transaction) => run(connection, transaction);

        public void Finish(Exception? failure) => finish(failure);
    }

    private sealed class Write<T>
    {
        private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private T _result = default!;

        public Write(Func<DbConnection, DbTransaction, T> change) => Erased = new Write(
            (connection, transaction) => _result = change(connection, transaction),
            failure =>
            {
                if (failure is null)
                {
                    _done.SetResult(_result);
                }
                else
                {
                    _done.SetException(failure);
                }
            });

        public Write Erased { get; }

        public Task<T> Done => _done.Task;
    }
}
