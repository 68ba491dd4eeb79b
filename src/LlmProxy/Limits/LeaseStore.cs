using Dapper;
using LlmProxy.Storage;

namespace LlmProxy.Limits;

/// <summary>What the store must add to the count of a token; negative when requests are given back.</summary>
internal readonly record struct Debt(string TokenId, long Requests, long? UsedAt);

/// <summary>Every SQL statement that moves <c>tokens.request_count</c>.</summary>
[DapperAot]
internal sealed class LeaseStore(Database database)
{
    /// <summary>
    /// Settles the debt and takes a lease, in one transaction. Answers what was leased; 0 when nothing is left. The
    /// limit is in the statement itself, so that no other writer, in this process or another, can come between.
    /// </summary>
    /// <param name="debt">Of the token that the lease is for.</param>
    /// <param name="sizeOf">How much to take when so much remains.</param>
    public Task<long> LeaseAsync(Debt debt, Func<long, long> sizeOf) => database.WriteAsync((connection, transaction) =>
    {
        var (id, settled, now) = (debt.TokenId, debt.Requests, debt.UsedAt);
        connection.Execute(
            "UPDATE tokens SET request_count = request_count + @settled WHERE id = @id",
            new { id, settled },
            transaction);
        var remaining = connection.QueryFirstOrDefault<long?>("""
            SELECT COALESCE(max_requests - request_count, 9223372036854775807) FROM tokens
            WHERE id = @id AND is_active = 1
            """, new { id }, transaction);
        if (remaining is not > 0)
        {
            return 0;
        }

        var lease = sizeOf(remaining.Value);
        return connection.Execute("""
            UPDATE tokens SET request_count = request_count + @lease, last_used_at = @now
            WHERE id = @id AND is_active = 1 AND (max_requests IS NULL OR request_count + @lease <= max_requests)
            """, new { id, lease, now }, transaction) == 1 ? lease : 0;
    });

    public Task<int> SettleAsync(IReadOnlyList<Debt> debts) => database.WriteAsync((connection, transaction) =>
        connection.Execute("""
            UPDATE tokens SET request_count = request_count + @Requests, last_used_at = COALESCE(@UsedAt, last_used_at)
            WHERE id = @TokenId
            """, debts, transaction));
}
