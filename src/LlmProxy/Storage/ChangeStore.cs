using System.Data.Common;
using Dapper;

namespace LlmProxy.Storage;

/// <summary>The list of what management changed, by which instances on one database hear of each other's changes.</summary>
[DapperAot]
internal static class ChangeStore
{
    public const string Project = "project";
    public const string Token = "token";

    /// <summary>All tokens of the project whose id stands beside it.</summary>
    public const string Tokens = "tokens";

    // An instance that has slept through more than this starts from an empty memory anyway.
    private const long Kept = 10_000;

    public static void Note(DbConnection connection, DbTransaction transaction, string kind, string id)
    {
        connection.Execute("INSERT INTO changes (kind, id) VALUES (@kind, @id)", new { kind, id }, transaction);
        connection.Execute("DELETE FROM changes WHERE number <= (SELECT MAX(number) FROM changes) - @Kept",
            new { Kept }, transaction);
    }

    public static long Last(DbConnection connection) =>
        connection.QueryFirst<long>("SELECT COALESCE(MAX(number), 0) FROM changes");

    public static List<Change> Since(DbConnection connection, long number) =>
        connection.Query<Change>(
            "SELECT number AS Number, kind AS Kind, id AS Id FROM changes WHERE number > @number ORDER BY number",
            new { number }).AsList();
}

/// <summary>A row of <c>changes</c>.</summary>
internal sealed class Change
{
    public long Number { get; set; }

    public string Kind { get; set; } = string.Empty;

    public string Id { get; set; } = string.Empty;
}
