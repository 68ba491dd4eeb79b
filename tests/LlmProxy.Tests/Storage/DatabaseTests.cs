using System.Data.Common;
using LlmProxy.Settings;
using LlmProxy.Storage;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace LlmProxy.Tests.Storage;

public sealed class DatabaseTests : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly DatabaseFolder _folder = new();

    private static CancellationToken Aborted => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Makes_its_files_and_its_folder_for_the_owner_alone()
    {
        await using var database = await OpenAsync();
        await PutAsync(database, "a");

        Assert.Equal(OwnerOnly, File.GetUnixFileMode(_folder.DatabasePath));
        Assert.Equal(OwnerOnly, File.GetUnixFileMode(_folder.DatabasePath + "-wal"));
        Assert.Equal(OwnerOnly, File.GetUnixFileMode(_folder.DatabasePath + "-shm"));
        Assert.Equal(
            OwnerOnly | UnixFileMode.UserExecute,
            File.GetUnixFileMode(Path.GetDirectoryName(_folder.DatabasePath)!));
    }

    [Fact]
    public async Task Has_on_disk_what_it_said_was_written_even_when_nobody_closes_it()
    {
        var abandoned = await OpenAsync();
        await PutAsync(abandoned, "a");

        await using var database = await OpenAsync();

        Assert.Equal(["a"], await KeysAsync(database));
        await abandoned.DisposeAsync();
    }

    [Fact]
    public async Task Writes_what_a_thousand_callers_ask_at_once()
    {
        await using var database = await OpenAsync();

        await Task.WhenAll(Enumerable.Range(0, 1_000).Select(number => PutAsync(database, $"key {number:D4}")));

        Assert.Equal(
            Enumerable.Range(0, 1_000).Select(number => $"key {number:D4}"), await KeysAsync(database),
                StringComparer.Ordinal);
    }

    [Fact]
    public async Task Undoes_a_change_that_fails_and_none_of_those_beside_it()
    {
        await using var database = await OpenAsync();
        var (before, failing, after) = (PutAsync(database, "a"), FailAfterPuttingAsync(database, "b"),
            PutAsync(database, "c"));

        await Task.WhenAll(before, after);

        await Assert.ThrowsAsync<InvalidOperationException>(() => failing);
        Assert.Equal(["a", "c"], await KeysAsync(database));
    }

    [Fact]
    public async Task Tells_the_caller_alone_when_a_statement_is_refused()
    {
        await using var database = await OpenAsync();
        var (first, second) = (PutAsync(database, "a"), PutAsync(database, "a"));

        await first;

        var failure = await Assert.ThrowsAsync<StoreUnavailable>(() => second);
        Assert.False(failure.MayHaveHappened);
    }

    [Fact]
    public async Task Blocks_no_thread_of_its_callers()
    {
        await using var database = await OpenAsync();
        using var gate = new ManualResetEventSlim();

        var read = database.ReadAsync(_ => gate.Wait(TimeSpan.FromSeconds(10)), Aborted);
        var write = database.WriteAsync((_, _) => gate.Wait(TimeSpan.FromSeconds(10)));

        Assert.False(read.IsCompleted);
        Assert.False(write.IsCompleted);
        gate.Set();
        Assert.True(await read);
        Assert.True(await write);
    }

    [Fact]
    public async Task Lets_a_caller_leave_whose_query_takes_long()
    {
        await using var database = await OpenAsync();
        using var gate = new ManualResetEventSlim();
        using var leaving = new CancellationTokenSource();
        var read = database.ReadAsync(_ => gate.Wait(TimeSpan.FromSeconds(10)), leaving.Token);

        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read);
        gate.Set();
    }

    [Fact]
    public async Task Does_not_let_a_query_write()
    {
        await using var database = await OpenAsync();

        await Assert.ThrowsAsync<StoreUnavailable>(() => database.ReadAsync(Put("a"), Aborted));

        Assert.Empty(await KeysAsync(database));
    }

    [Fact]
    public async Task Is_unavailable_once_it_is_closed()
    {
        var database = await OpenAsync();
        await database.DisposeAsync();

        await Assert.ThrowsAsync<StoreUnavailable>(() => PutAsync(database, "a"));
    }

    [Fact]
    public async Task Answers_a_check_only_when_its_tables_are_there()
    {
        await using var database = await OpenAsync();
        await database.CheckAsync(Aborted);
        await database.WriteAsync((connection, _) => Sql.Run(connection, "DROP TABLE keys"));

        await Assert.ThrowsAsync<StoreUnavailable>(() => database.CheckAsync(Aborted));
    }

    [Fact]
    public async Task Refuses_to_start_with_a_file_that_is_no_database()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_folder.DatabasePath)!);
        await File.WriteAllTextAsync(_folder.DatabasePath, new string('x', 4_096), Aborted);

        var failure = await Assert.ThrowsAsync<StartFailure>(OpenAsync);

        Assert.Equal(
            $"DATABASE_PATH: the database '{_folder.DatabasePath}' cannot be opened: it is not an SQLite database.",
            failure.Message);
    }

    [Fact]
    public async Task Refuses_to_start_with_a_folder_in_place_of_a_file()
    {
        Directory.CreateDirectory(_folder.DatabasePath);

        var failure = await Assert.ThrowsAsync<StartFailure>(OpenAsync);

        Assert.StartsWith($"DATABASE_PATH: the database '{_folder.DatabasePath}' cannot be opened: ", failure.Message,
            StringComparison.Ordinal);
        Assert.DoesNotContain('\n', failure.Message);
    }

    [Fact]
    public async Task Refuses_to_start_with_a_file_that_another_program_keeps_locked()
    {
        await (await OpenAsync()).DisposeAsync();
        await using var other = new SqliteConnection($"Data Source={_folder.DatabasePath};Pooling=False");
        await other.OpenAsync(Aborted);
        Sql.Run(other, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; DELETE FROM keys; COMMIT;");

        var failure = await Assert.ThrowsAsync<StartFailure>(OpenAsync);

        Assert.EndsWith("another program has locked it.", failure.Message, StringComparison.Ordinal);
    }

    private static Task<int> PutAsync(Database database, string name) =>
        database.WriteAsync((connection, _) => Put(name)(connection));

    private static Task<int> FailAfterPuttingAsync(Database database, string name) =>
        database.WriteAsync<int>((connection, _) =>
        {
            Put(name)(connection);
            throw new InvalidOperationException("On purpose.");
        });

    private static Func<DbConnection, int> Put(string name) =>
        connection => Sql.Run(connection, $"INSERT INTO keys (name, sealed) VALUES ('{name}', '')");

    private static Task<List<string>> KeysAsync(Database database) =>
        database.ReadAsync(static connection => Sql.Texts(connection, "SELECT name FROM keys ORDER BY name"), Aborted);

    private async Task<Database> OpenAsync()
    {
        var database = new Database(
            new StorageOptions(_folder.DatabasePath), TimeProvider.System, NullLogger<Database>.Instance);
        await database.OpenAsync(Aborted);
        return database;
    }
}
