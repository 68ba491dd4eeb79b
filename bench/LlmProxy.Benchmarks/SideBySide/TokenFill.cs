using System.Globalization;
using Microsoft.Data.Sqlite;

namespace LlmProxy.Benchmarks.SideBySide;

/// <summary>
/// Fills the tokens' table of a stopped server with copies of its one row that differ in id and hash.
/// </summary>
internal static class TokenFill
{
    public static async Task RunAsync(string databasePath, int count, CancellationToken aborted)
    {
        var connectionString = new SqliteConnectionStringBuilder { DataSource = databasePath, Pooling = false };
        await using var connection = new SqliteConnection(connectionString.ToString());
        await connection.OpenAsync(aborted);
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT name, type FROM pragma_table_info('tokens') ORDER BY cid";
        var columns = new List<(string Name, string Type)>();
        await using (var reader = await command.ExecuteReaderAsync(aborted))
        {
            while (await reader.ReadAsync(aborted))
            {
                columns.Add((reader.GetString(0), reader.GetString(1)));
            }
        }

        var names = string.Join(", ", columns.Select(column => column.Name));
        var values = string.Join(", ", columns.Select(ValueOf));
#pragma warning disable CA2100 // Column names come from the schema, the count is a number.
        command.CommandText =
            $"""
            PRAGMA synchronous = OFF;
            WITH RECURSIVE row(number) AS (SELECT 2 UNION ALL SELECT number + 1 FROM row WHERE number < @count)
            INSERT INTO tokens ({names}) SELECT {values} FROM row, (SELECT * FROM tokens LIMIT 1) AS made;
            PRAGMA wal_checkpoint(TRUNCATE);
            """;
#pragma warning restore CA2100
        command.CommandTimeout = 0;
        command.Parameters.AddWithValue("@count", count);
        await command.ExecuteNonQueryAsync(aborted);
        command.CommandText = "SELECT COUNT(*) FROM tokens";
        var rows = Convert.ToInt64(await command.ExecuteScalarAsync(aborted), CultureInfo.InvariantCulture);
        if (rows < count)
        {
            throw new InvalidOperationException($"The table holds {rows} tokens instead of {count}.");
        }
    }

    /// <summary>An id keeps the form of a UUID, a hash that of random bytes; the rest is the made row's.</summary>
    private static string ValueOf((string Name, string Type) column) => column switch
    {
        { Name: "id", Type: "BLOB" } => "randomblob(16)",
        { Name: "id" } => "substr(made.id, 1, 8) || '-' || lower(hex(randomblob(2)) || '-7' || "
            + "substr(hex(randomblob(2)), 2) || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))",
        { Type: "BLOB" } when column.Name.Contains("hash", StringComparison.Ordinal) => "randomblob(32)",
        _ when column.Name.Contains("hash", StringComparison.Ordinal) => "lower(hex(randomblob(32)))",
        _ => "made." + column.Name,
    };
}
