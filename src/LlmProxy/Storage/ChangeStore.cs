using System.Data.Common;
using Dapper;

namespace LlmProxy.Storage;

/// <summary>
/// The list of what management changed, by which instances on one database hear of each other's changes.
/// </summary>
[DapperAot]
internal sealed class ChangeStore(Database database)
{
    public const string Project = "project";
    public const string Token = "token";

    /// <summary>All tokens of the project whose id stands beside it.</summary>
    public const string TokensOfProject = "tokens";

    /// <summary>
    /// So many changes are kept. An instance that sleeps through more sees that their numbers do not follow.
    /// </summary>
    private const long Kept = 10_000;

    private const int PageMax = 1_000;

    /// <summary>
    /// Part of the transaction that makes the change, so that the one is never there without the other.
    /// </summary>
    public static void Note(DbConnection connection, DbTransaction transaction, string kind, string id)
    {
        connection.Execute("INSERT INTO changes (kind, id) VALUES (@kind, @id)", new { kind, id }, transaction);
        connection.Execute("DELETE FROM changes WHERE number <= (SELECT MAX(number) FROM changes) - @Kept",
            new { Kept }, transaction);
    }

    public Task<long> LastAsync(CancellationToken aborted) => database.ReadAsync(
        static connection => connection.QueryFirst<long>("SELECT COALESCE(MAX(number), 0) FROM changes"), aborted);

    /// <summary>The next page of changes after <paramref name="number"/>, oldest first.</summary>
    public Task<List<StoredChange>> SinceAsync(long number, CancellationToken aborted) => database.ReadAsync(
        connection => connection.Query<StoredChange>("""
            SELECT number AS Number, kind AS Kind, id AS Id FROM changes
            WHERE number > @number ORDER BY number LIMIT @PageMax
            """, new { number, PageMax }).ToList(), aborted);
}

/// <summary>A row of <c>changes</c>.</summary>
internal sealed class StoredChange
{
    public long Number { get; set; }

    public string Kind { get; set; } = string.Empty;

    public string Id { get; set; } = string.Empty;
}
