using System.Collections.Concurrent;
using System.Data.Common;
using LlmProxy.Settings;
using Microsoft.Data.Sqlite;

namespace LlmProxy.Storage;

/// <summary>
/// The SQLite database: one writer (<see cref="GroupCommit"/>), and readers with connections of their own, who never
/// wait for it (WAL). SQLite blocks its caller, so all of it runs on the thread pool and never on an event loop.
/// </summary>
internal sealed class Database(StorageOptions options, TimeProvider clock, ILogger<Database> logger) : IAsyncDisposable
{
    // SQLite answers in microseconds: more at once than cores would only wait for each other.
    private const int ReadersMax = 4;
    private const int LockedSecondsMax = 2;

    // FULL: what was answered with 2xx survives a power cut. Without a timeout of SQLite's own, the driver would try
    // again every 150 ms only.
    private const string WriterPragmas =
        "PRAGMA busy_timeout = 2000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;";

    private const string ReaderPragmas = "PRAGMA busy_timeout = 2000; PRAGMA query_only = ON;";

    private static readonly TimeSpan ReadPatience = TimeSpan.FromSeconds(5);

    private readonly string _connectionString = new SqliteConnectionStringBuilder
    {
        DataSource = options.Path,
        ForeignKeys = true,
        Pooling = false,
        DefaultTimeout = LockedSecondsMax,
    }.ToString();

    private readonly ConcurrentBag<SqliteConnection> _readers = [];
    private readonly SemaphoreSlim _readerPlaces = new(ReadersMax);
    private GroupCommit? _writer;
    private volatile bool _isClosed;

    /// <summary>Makes or opens the file, brings it to the present schema, and starts the writer.</summary>
    public Task OpenAsync(CancellationToken stop) => Task.Run(Open, stop);

    /// <summary>Asks the store something real; throws when it does not answer.</summary>
    public Task CheckAsync(CancellationToken aborted) => ReadAsync(static connection =>
    {
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT COUNT(*) FROM keys";
        return command.ExecuteScalar();
    }, aborted);

    /// <summary>Runs a query on the thread pool, on a connection of its own.</summary>
    public async Task<T> ReadAsync<T>(Func<DbConnection, T> query, CancellationToken aborted)
    {
        if (_isClosed || !await _readerPlaces.WaitAsync(ReadPatience, aborted))
        {
            throw new StoreUnavailable("Too many queries are waiting for the database, or it is closed.");
        }

        try
        {
            // The query ends when it ends: not the caller's leaving but the query itself frees the place.
            var answer = Task.Run(() => Read(query), CancellationToken.None);
            return await answer.WaitAsync(ReadPatience, clock, aborted);
        }
        catch (Exception failure) when (failure is SqliteException or TimeoutException)
        {
            throw new StoreUnavailable("The database could not be read.", failure);
        }
    }

    /// <summary>Hands a change to the writer and waits until it is on disk.</summary>
    public Task<T> WriteAsync<T>(Func<DbConnection, DbTransaction, T> work) =>
        _writer?.WriteAsync(work) ?? throw new InvalidOperationException("The database is opened at start.");

    /// <summary>
    /// Lets running queries end, writes what is waiting, and closes. From then on everybody is turned away.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (_isClosed)
        {
            return;
        }

        _isClosed = true;
        for (var place = 0; place < ReadersMax; place++)
        {
            await _readerPlaces.WaitAsync(ReadPatience);
        }

        while (_readers.TryTake(out var reader))
        {
            await reader.DisposeAsync();
        }

        // Last, because the last connection to close tidies up the write-ahead log.
        if (_writer is not null)
        {
            await _writer.DisposeAsync();
        }
    }

    private void Open()
    {
        SqliteConnection? connection = null;
        try
        {
            DatabaseFile.Prepare(options.Path);
            connection = Connect(isReader: false);
            Migrator.Run(connection, _connectionString, Migrator.Scripts(), logger);
            _writer = new GroupCommit(connection, clock, logger);
            _writer.Start();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or SqliteException
            or ArgumentException or NotSupportedException)
        {
            connection?.Dispose();
            throw new StartFailure($"DATABASE_PATH: the database '{options.Path}' cannot be opened: {Plain(failure)}");
        }
        catch (StartFailure)
        {
            connection?.Dispose();
            throw;
        }
    }

    private T Read<T>(Func<DbConnection, T> query)
    {
        SqliteConnection? connection = null;
        try
        {
            connection = _readers.TryTake(out var idle) ? idle : Connect(isReader: true);
            var answer = query(connection);
            _readers.Add(connection);
            return answer;
        }
        catch
        {
            // What failed once may be broken.
            connection?.Dispose();
            throw;
        }
        finally
        {
            _readerPlaces.Release();
        }
    }

    private SqliteConnection Connect(bool isReader)
    {
        var connection = new SqliteConnection(_connectionString);
        try
        {
            connection.Open();
            using var command = connection.CreateCommand();
            if (isReader)
            {
                command.CommandText = ReaderPragmas;
            }
            else
            {
                command.CommandText = WriterPragmas;
            }

            command.ExecuteNonQuery();
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private static string Plain(Exception failure) => failure is SqliteException { SqliteErrorCode: var code } sqlite
        ? code switch
        {
            SQLitePCL.raw.SQLITE_BUSY or SQLitePCL.raw.SQLITE_LOCKED => "another program has locked it.",
            SQLitePCL.raw.SQLITE_NOTADB => "it is not an SQLite database.",
            SQLitePCL.raw.SQLITE_CORRUPT => "it is damaged.",
            SQLitePCL.raw.SQLITE_READONLY => "it is read-only.",
            SQLitePCL.raw.SQLITE_FULL => "the disk is full.",
            _ => sqlite.Message,
        }
        : failure.Message;
}
