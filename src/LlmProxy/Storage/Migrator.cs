using System.Reflection;
using DbUp;
using DbUp.Engine;
using DbUp.Engine.Output;
using LlmProxy.Settings;
using Microsoft.Data.Sqlite;

namespace LlmProxy.Storage;

/// <summary>
/// Brings the database to the schema of this version, in one transaction: whoever is killed half-way finds it as it
/// was.
/// Never goes back: a database that a newer version has touched is left alone.
/// </summary>
internal static class Migrator
{
    private const string Folder = "LlmProxy.Storage.Migrations.";

    public static void Run(
        SqliteConnection connection, string connectionString, IReadOnlyList<SqlScript> scripts, ILogger logger)
    {
        var applied = Applied(connection);
        if (applied.FirstOrDefault(name => scripts.All(script => script.Name != name)) is { } unknown)
        {
            throw new StartFailure(
                $"DATABASE_PATH: the database was made by a newer version of llm-proxy (it has '{unknown}'). "
                + "Use that version, or another database.");
        }

        // DbUp takes some 20 ms even when there is nothing to do, which is a fifth of our start.
        if (applied.Count == scripts.Count)
        {
            return;
        }

        var result = DeployChanges.To.SqliteDatabase(connectionString)
            .WithScripts(scripts)
            .WithTransaction()
            .LogTo(new UpgradeLog(logger))
            .Build()
            .PerformUpgrade();

        // Another instance that started at the same moment may have been faster.
        if (!result.Successful && Applied(connection).Count < scripts.Count)
        {
            throw new StartFailure(
                $"DATABASE_PATH: script '{result.ErrorScript?.Name}' failed: {result.Error?.Message}");
        }

        logger.Migrated(connection.DataSource, scripts[^1].Name);
    }

    /// <summary>The scripts of this version, oldest first.</summary>
    public static IReadOnlyList<SqlScript> Scripts()
    {
        var assembly = typeof(Migrator).Assembly;
        return [.. assembly.GetManifestResourceNames()
            .Where(static name => name.StartsWith(Folder, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .Select(name => new SqlScript(name[Folder.Length..], TextOf(assembly, name)))];
    }

    private static string TextOf(Assembly assembly, string name)
    {
        using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }

    private static HashSet<string> Applied(SqliteConnection connection)
    {
        using var exists = connection.CreateCommand();
        exists.CommandText = "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'SchemaVersions'";
        var names = new HashSet<string>(StringComparer.Ordinal);
        if ((long)exists.ExecuteScalar()! == 0)
        {
            return names;
        }

        using var query = connection.CreateCommand();
        query.CommandText = "SELECT ScriptName FROM SchemaVersions";
        using var rows = query.ExecuteReader();
        while (rows.Read())
        {
            names.Add(rows.GetString(0));
        }

        return names;
    }

#pragma warning disable CA1848, CA2254 // DbUp brings its own sentences, seen when a schema changes.
    private sealed class UpgradeLog(ILogger logger) : IUpgradeLog
    {
        public void LogTrace(string format, params object[] args) => logger.LogTrace(format, args);

        public void LogDebug(string format, params object[] args) => logger.LogDebug(format, args);

        public void LogInformation(string format, params object[] args) => logger.LogDebug(format, args);

        public void LogWarning(string format, params object[] args) => logger.LogWarning(format, args);

        public void LogError(string format, params object[] args) => logger.LogError(format, args);

        public void LogError(Exception ex, string format, params object[] args) => logger.LogError(ex, format, args);
    }
#pragma warning restore CA1848, CA2254
}
