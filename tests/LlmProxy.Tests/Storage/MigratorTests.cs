using DbUp.Engine;
using LlmProxy.Settings;
using LlmProxy.Storage;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace LlmProxy.Tests.Storage;

public sealed class MigratorTests : IDisposable
{
    private readonly DatabaseFolder _folder = new();
    private readonly SqliteConnection _connection;

    public MigratorTests()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_folder.DatabasePath)!);
        _connection = new SqliteConnection(ConnectionString);
        _connection.Open();
    }

    private string ConnectionString => $"Data Source={_folder.DatabasePath};Pooling=False";

    public void Dispose()
    {
        _connection.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Brings_a_new_database_to_the_present_schema()
    {
        Run(Migrator.Scripts());

        Assert.Superset(
            new HashSet<string>(["changes", "keys", "projects", "tokens"], StringComparer.Ordinal), Tables());
    }

    [Fact]
    public void What_tokens_have_used_before_is_their_projects_use_too()
    {
        Run([Migrator.Scripts()[0]]);
        Sql.Run(_connection, """
            INSERT INTO projects VALUES ('p', 'n', 's', 'k', 1, NULL, 0, 0, 1), ('q', 'm', 's', 'k', 1, NULL, 0, 0, 1);
            INSERT INTO tokens VALUES
                ('a', 'a', 'p', 1, 0, NULL, 3, 70, NULL, 0, 0, 1), ('b', 'b', 'p', 1, 0, 9, 4, 50, NULL, 0, 0, 1);
            """);

        Run(Migrator.Scripts());

        Assert.Equal(
            ["7 70", "0 never"],
            Sql.Texts(_connection, "SELECT request_count || ' ' || COALESCE(last_used_at, 'never') FROM projects"));
    }

    [Fact]
    public void Runs_each_script_once()
    {
        Run([new SqlScript("0001.sql", "CREATE TABLE one (id INTEGER);")]);

        Run([
            new SqlScript("0001.sql", "CREATE TABLE one (id INTEGER);"),
            new SqlScript("0002.sql", "CREATE TABLE two (id INTEGER);"),
        ]);

        Assert.Superset(new HashSet<string>(["one", "two"], StringComparer.Ordinal), Tables());
    }

    [Fact]
    public void Leaves_the_database_as_it_was_when_a_script_breaks_off()
    {
        Run([new SqlScript("0001.sql", "CREATE TABLE one (id INTEGER);")]);

        var failure = Assert.Throws<StartFailure>(() => Run([
            new SqlScript("0001.sql", "CREATE TABLE one (id INTEGER);"),
            new SqlScript("0002.sql", "CREATE TABLE two (id INTEGER);"),
            new SqlScript("0003.sql", "CREATE TABLE three (id INTEGER); DROP TABLE nowhere;"),
        ]));

        Assert.Contains("0003.sql", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("two", Tables());
        Assert.DoesNotContain("three", Tables());
    }

    [Fact]
    public void Leaves_a_database_of_a_newer_version_alone()
    {
        Run([
            new SqlScript("0001.sql", "CREATE TABLE one (id INTEGER);"),
            new SqlScript("0002_from_the_future.sql", "CREATE TABLE two (id INTEGER);"),
        ]);

        var failure = Assert.Throws<StartFailure>(() =>
            Run([new SqlScript("0001.sql", "CREATE TABLE one (id INTEGER);")]));

        Assert.Contains("newer version", failure.Message, StringComparison.Ordinal);
        Assert.Contains("0002_from_the_future.sql", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lets_several_instances_start_on_a_new_database_at_once()
    {
        var databases = Enumerable.Range(0, 4).Select(_ => new Database(
            new StorageOptions(_folder.DatabasePath), TimeProvider.System, NullLogger<Database>.Instance)).ToList();

        await Task.WhenAll(databases.Select(static database =>
            database.OpenAsync(TestContext.Current.CancellationToken)));

        foreach (var database in databases)
        {
            await database.CheckAsync(TestContext.Current.CancellationToken);
            await database.DisposeAsync();
        }
    }

    [Theory]
    [InlineData("SELECT * FROM tokens WHERE hash = ''")]
    [InlineData("SELECT * FROM tokens WHERE id = ''")]
    [InlineData("SELECT * FROM tokens WHERE id < 'g' ORDER BY id DESC LIMIT 50")]
    [InlineData("SELECT * FROM tokens WHERE project_id = '' AND id < 'g' ORDER BY id DESC LIMIT 50")]
    [InlineData("UPDATE tokens SET request_count = request_count + 1 WHERE id = ''")]
    [InlineData("SELECT * FROM projects WHERE id = ''")]
    [InlineData("SELECT * FROM projects WHERE name > '' ORDER BY name LIMIT 50")]
    [InlineData("DELETE FROM projects WHERE id = ''")]
    [InlineData("SELECT * FROM changes WHERE number > 5 ORDER BY number LIMIT 50")]
    [InlineData("SELECT COALESCE(MAX(number), 0) FROM changes")]
    public void Has_an_index_for_everything_that_is_looked_for(string query)
    {
        Run(Migrator.Scripts());

        var plan = PlanOf(query);

        Assert.DoesNotContain("SCAN", plan.Replace("SCAN CONSTANT ROW", "", StringComparison.Ordinal),
            StringComparison.Ordinal);
        Assert.DoesNotContain("TEMP B-TREE", plan, StringComparison.Ordinal);
    }

    private void Run(IReadOnlyList<SqlScript> scripts) =>
        Migrator.Run(_connection, ConnectionString, scripts, NullLogger.Instance);

    private HashSet<string> Tables() =>
        [.. Sql.Texts(_connection, "SELECT name FROM sqlite_master WHERE type = 'table'")];

    private string PlanOf(string statement) =>
        string.Join('\n', Sql.Texts(_connection, $"EXPLAIN QUERY PLAN {statement}", column: 3));
}
