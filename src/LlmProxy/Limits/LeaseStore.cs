using System.Data.Common;
using Dapper;

namespace LlmProxy.Limits;

/// <summary>Every SQL statement that moves <c>tokens.request_count</c>.</summary>
[DapperAot]
internal static class LeaseStore
{
    /// <summary>What is left of the limit; null when the token has none or may not spend any more.</summary>
    public static long? Remaining(DbConnection connection, DbTransaction transaction, string id) =>
        connection.QueryFirstOrDefault<long?>(
            "SELECT max_requests - request_count FROM tokens WHERE id = @id AND is_active = 1", new { id }, transaction);

    /// <summary>
    /// Counts <paramref name="requests"/> if the limit allows all of them. The condition is in the statement itself, so
    /// that no other writer, in this process or another, can come between.
    /// </summary>
    public static bool TryAdvance(DbConnection connection, DbTransaction transaction, string id, long requests, long now) =>
        connection.Execute("""
            UPDATE tokens SET request_count = request_count + @requests, last_used_at = @now
            WHERE id = @id AND is_active = 1 AND request_count + @requests <= max_requests
            """, new { id, requests, now }, transaction) == 1;

    /// <summary>Counts what was spent without limit, or gives back what was leased and not spent.</summary>
    public static void Add(DbConnection connection, DbTransaction transaction, string id, long requests, long? now) =>
        connection.Execute("""
            UPDATE tokens SET request_count = MAX(0, request_count + @requests),
                last_used_at = COALESCE(@now, last_used_at)
            WHERE id = @id
            """, new { id, requests, now }, transaction);
}
