using Dapper;

namespace LlmProxy.Storage;

/// <summary>Every SQL statement about the keys that the program makes for itself.</summary>
[DapperAot]
internal sealed class KeyStore(Database database)
{
    public Task<bool> IsEmptyAsync(CancellationToken aborted) => database.ReadAsync(
        static connection => connection.QueryFirst<long>("SELECT COUNT(*) FROM keys") == 0, aborted);

    /// <summary>
    /// Finds a key and puts what <paramref name="renew"/> makes of it in its place, in one transaction: of two
    /// instances that start on a new database, the second sees what the first one made. Null from it changes nothing.
    /// </summary>
    public Task<string?> RenewAsync(string name, Func<string?, string?> renew) => database.WriteAsync(
        (connection, transaction) =>
        {
            var found = connection.QueryFirstOrDefault<string>(
                "SELECT sealed FROM keys WHERE name = @name", new { name }, transaction);
            var envelope = renew(found);
            if (envelope is not null)
            {
                connection.Execute("""
                    INSERT INTO keys (name, sealed) VALUES (@name, @envelope)
                    ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed
                    """, new { name, envelope }, transaction);
            }

            return envelope ?? found;
        });
}
