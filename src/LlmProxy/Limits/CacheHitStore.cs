using Dapper;
using LlmProxy.Storage;

namespace LlmProxy.Limits;

/// <summary>What an owner, a token or a project, was answered from the cache.</summary>
/// <param name="Id">The owner.</param>
/// <param name="Hits">How many answers more.</param>
/// <param name="UsedAt">Unix milliseconds.</param>
internal readonly record struct OwnedHits(string Id, long Hits, long UsedAt);

/// <summary>Every SQL statement that moves <c>cache_hit_count</c>.</summary>
[DapperAot]
internal sealed class CacheHitStore(Database database)
{
    private const string Counted = """
        cache_hit_count = cache_hit_count + @Hits,
        last_used_at = CASE WHEN last_used_at > @UsedAt THEN last_used_at ELSE @UsedAt END
        """;

    public Task<int> AddAsync(IReadOnlyList<OwnedHits> tokens, IReadOnlyList<OwnedHits> projects) =>
        database.WriteAsync((connection, transaction) =>
            connection.Execute($"UPDATE tokens SET {Counted} WHERE id = @Id", tokens, transaction)
            + connection.Execute($"UPDATE projects SET {Counted} WHERE id = @Id", projects, transaction));
}
