using System.Runtime.InteropServices;
using Dapper;
using LlmProxy.Storage;

namespace LlmProxy.Limits;

/// <summary>
/// What the store must add to the counts of an account; negative to take away. What is over is added as far as the
/// limit allows.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Debt(
    Guid Owner, long Requests, long Tokens, long Cost, long TokensOver, long CostOver, long? UsedAt)
{
    /// <summary>As the store has it. Made only for what is written: most accounts owe nothing at most ticks.</summary>
    public string Id => Owner.ToString();

    public bool IsNothing =>
        this is { Requests: 0, Tokens: 0, Cost: 0, TokensOver: 0, CostOver: 0, UsedAt: null };
}

/// <summary>
/// Every SQL statement that moves <c>request_count</c>, <c>token_count</c> and <c>cost</c> of tokens and projects.
/// </summary>
[DapperAot]
internal sealed class LeaseStore(Database database)
{
    private const string Spent = """
        request_count = request_count + @Requests,
        token_count = token_count + @Tokens + CASE
            WHEN @TokensOver <= 0 THEN 0
            WHEN max_tokens IS NULL OR token_count + @Tokens + @TokensOver <= max_tokens THEN @TokensOver
            WHEN token_count + @Tokens >= max_tokens THEN 0
            ELSE max_tokens - token_count - @Tokens END,
        cost = cost + @Cost + CASE
            WHEN @CostOver <= 0 THEN 0
            WHEN max_cost IS NULL OR cost + @Cost + @CostOver <= max_cost THEN @CostOver
            WHEN cost + @Cost >= max_cost THEN 0
            ELSE max_cost - cost - @Cost END,
        last_used_at = COALESCE(@UsedAt, last_used_at)
        """;

    private static readonly Columns[] TokenColumns =
    [
        Columns.Of("tokens", "request_count", "max_requests"),
        Columns.Of("tokens", "token_count", "max_tokens"),
        Columns.Of("tokens", "cost", "max_cost"),
    ];

    private static readonly Columns[] ProjectColumns =
    [
        Columns.Of("projects", "request_count", "max_requests"),
        Columns.Of("projects", "token_count", "max_tokens"),
        Columns.Of("projects", "cost", "max_cost"),
    ];

    /// <summary>
    /// Settles the debt and takes a lease, in one transaction. The limit is in the statement itself, so that no other
    /// writer, in this process or another, can come between.
    /// </summary>
    /// <param name="account">Whose lease.</param>
    /// <param name="unit">Of what.</param>
    /// <param name="settled">What the store must add to the count first.</param>
    /// <param name="over">What it must add as far as the limit allows.</param>
    /// <param name="sizeOf">How much to take when so much remains.</param>
    public Task<Leased> LeaseAsync(
        AccountId account, Unit unit, long settled, long over, Func<long, long> sizeOf) =>
        database.WriteAsync((connection, transaction) =>
        {
            var sql = (account.Kind == AccountKind.Token ? TokenColumns : ProjectColumns)[(int)unit];
            var id = account.Id.ToString();
            connection.Execute(sql.Settle, new { id, settled, over }, transaction);
            var remaining = connection.QueryFirstOrDefault<long?>(sql.Remaining, new { id }, transaction) ?? 0;
            if (remaining <= 0)
            {
                return new Leased(0, 0);
            }

            var lease = sizeOf(remaining);
            return connection.Execute(sql.Lease, new { id, lease }, transaction) == 1
                ? new Leased(lease, remaining - lease)
                : new Leased(0, 0);
        });

    public Task<int> SettleAsync(IReadOnlyList<Debt> tokens, IReadOnlyList<Debt> projects) =>
        database.WriteAsync((connection, transaction) =>
            connection.Execute($"UPDATE tokens SET {Spent} WHERE id = @Id", tokens, transaction)
            + connection.Execute($"UPDATE projects SET {Spent} WHERE id = @Id", projects, transaction));

    /// <summary>The statements about one count of one table.</summary>
    private sealed record Columns(string Settle, string Remaining, string Lease)
    {
        public static Columns Of(string table, string count, string limit) => new(
            $"""
            UPDATE {table} SET {count} = {count} + @settled + CASE
                WHEN @over <= 0 THEN 0
                WHEN {limit} IS NULL OR {count} + @settled + @over <= {limit} THEN @over
                WHEN {count} + @settled >= {limit} THEN 0
                ELSE {limit} - {count} - @settled END
            WHERE id = @id
            """,
            $"""
            SELECT COALESCE({limit} - {count}, 9223372036854775807) FROM {table} WHERE id = @id AND is_active = 1
            """,
            $"""
            UPDATE {table} SET {count} = {count} + @lease
            WHERE id = @id AND is_active = 1 AND ({limit} IS NULL OR {count} + @lease <= {limit})
            """);
    }
}
