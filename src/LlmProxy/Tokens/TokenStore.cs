using System.Data.Common;
using Dapper;
using LlmProxy.Limits;
using LlmProxy.Projects;
using LlmProxy.Secrets;
using LlmProxy.Storage;

namespace LlmProxy.Tokens;

/// <summary>Every SQL statement about tokens but the counting ones (<see cref="LeaseStore"/>).</summary>
[DapperAot]
internal sealed class TokenStore(Database database)
{
    private const string Columns = """
        id AS Id, hash AS Hash, project_id AS ProjectId, is_active AS IsActive, expires_at AS ExpiresAt,
        max_requests AS MaxRequests, requests_per_minute AS RequestsPerMinute, max_concurrent AS MaxConcurrent,
        max_tokens AS MaxTokens, tokens_per_minute AS TokensPerMinute, max_cost AS MaxCost,
        allowed_models AS AllowedModels, allowed_endpoints AS AllowedEndpoints, allowed_origins AS AllowedOrigins,
        request_count AS RequestCount, token_count AS TokenCount, cost AS Cost, use_cache AS UseCache,
        cache_hit_count AS CacheHitCount, last_used_at AS LastUsedAt, revoked_at AS RevokedAt,
        created_at AS CreatedAt, updated_at AS UpdatedAt, version AS Version
        """;

    // The highest text that an id can have, for a list from its beginning.
    private const string AfterEverything = "g";

    public Task<StoredToken?> FindAsync(Guid id, CancellationToken aborted) =>
        database.ReadAsync(connection => Find(connection, id.ToString()), aborted);

    /// <summary>A token with its project.</summary>
    public Task<FoundToken?> FindWithProjectAsync(TokenHash hash) => database.ReadAsync(
        connection => FindByHash(connection, hash.ToString()) is { } token
            && ProjectStore.Find(connection, token.ProjectId) is { } project
                ? new FoundToken(token, project)
                : null,
        CancellationToken.None);

    public Task<StoredToken?> FindAsync(TokenHash hash, CancellationToken aborted) =>
        database.ReadAsync(connection => FindByHash(connection, hash.ToString()), aborted);

    public Task<List<StoredToken>> FindAllAsync(IReadOnlyCollection<Guid> ids, CancellationToken aborted) =>
        database.ReadAsync(
            connection => ids.Select(id => Find(connection, id.ToString())).OfType<StoredToken>().ToList(), aborted);

    /// <summary>Newest first.</summary>
    public Task<List<StoredToken>> ListAsync(TokenQuery query, long now, CancellationToken aborted)
    {
        var (activeOnly, limit) = (query.ActiveOnly, query.Limit);
        var before = query.Before?.ToString() ?? AfterEverything;
        return database.ReadAsync(
            connection => query.ProjectId?.ToString() is { } projectId
                ? connection.Query<StoredToken>($"""
                    SELECT {Columns} FROM tokens
                    WHERE project_id = @projectId AND id < @before
                        AND (NOT @activeOnly OR (is_active = 1 AND expires_at > @now))
                    ORDER BY id DESC LIMIT @limit
                    """, new { projectId, activeOnly, now, before, limit }).ToList()
                : connection.Query<StoredToken>($"""
                    SELECT {Columns} FROM tokens
                    WHERE id < @before AND (NOT @activeOnly OR (is_active = 1 AND expires_at > @now))
                    ORDER BY id DESC LIMIT @limit
                    """, new { activeOnly, now, before, limit }).ToList(),
            aborted);
    }

    /// <summary>Puts the token in, if its project is there and active.</summary>
    public Task<IssueFault> InsertAsync(StoredToken token) => database.WriteAsync((connection, transaction) =>
    {
        switch (ProjectStore.Find(connection, token.ProjectId, transaction))
        {
            case null:
                return IssueFault.ProjectNotFound;
            case { IsActive: false }:
                return IssueFault.ProjectInactive;
            default:
                connection.Execute("""
                    INSERT INTO tokens (id, hash, project_id, is_active, expires_at, max_requests,
                        requests_per_minute, max_concurrent, max_tokens, tokens_per_minute, max_cost,
                        allowed_models, allowed_endpoints, allowed_origins, use_cache, request_count,
                        created_at, updated_at, version)
                    VALUES (@Id, @Hash, @ProjectId, @IsActive, @ExpiresAt, @MaxRequests, @RequestsPerMinute,
                        @MaxConcurrent, @MaxTokens, @TokensPerMinute, @MaxCost, @AllowedModels, @AllowedEndpoints,
                        @AllowedOrigins, @UseCache, @RequestCount, @CreatedAt, @UpdatedAt, @Version)
                    """, token, transaction);
                ChangeStore.Note(connection, transaction, ChangeStore.Token, token.Id);
                return IssueFault.None;
        }
    });

    /// <summary>
    /// Finds the token, changes it, and answers it as it is now; null when there is none. The count is not touched.
    /// </summary>
    public Task<StoredToken?> ChangeAsync(Guid id, Action<StoredToken> change) => database.WriteAsync(
        (connection, transaction) =>
        {
            if (Find(connection, id.ToString(), transaction) is not { } token)
            {
                return null;
            }

            change(token);
            token.Version++;
            connection.Execute("""
                UPDATE tokens SET is_active = @IsActive, expires_at = @ExpiresAt, max_requests = @MaxRequests,
                    requests_per_minute = @RequestsPerMinute, max_concurrent = @MaxConcurrent,
                    max_tokens = @MaxTokens, tokens_per_minute = @TokensPerMinute, max_cost = @MaxCost,
                    allowed_models = @AllowedModels, allowed_endpoints = @AllowedEndpoints,
                    allowed_origins = @AllowedOrigins, use_cache = @UseCache, revoked_at = @RevokedAt,
                    updated_at = @UpdatedAt, version = @Version
                WHERE id = @Id
                """, token, transaction);
            ChangeStore.Note(connection, transaction, ChangeStore.Token, token.Id);
            return token;
        });

    /// <summary>Revokes all tokens of a project; null when there is no such project.</summary>
    public Task<RevokedTokens?> RevokeAllAsync(
        Guid project, long now) => database.WriteAsync((connection, transaction) =>
    {
        var projectId = project.ToString();
        if (ProjectStore.Find(connection, projectId, transaction) is null)
        {
            return null;
        }

        var revoked = connection.Execute("""
            UPDATE tokens SET is_active = 0, revoked_at = @now, updated_at = @now, version = version + 1
            WHERE project_id = @projectId AND is_active = 1
            """, new { projectId, now }, transaction);
        var total = connection.QueryFirst<int>(
            "SELECT COUNT(*) FROM tokens WHERE project_id = @projectId", new { projectId }, transaction);
        ChangeStore.Note(connection, transaction, ChangeStore.TokensOfProject, projectId);
        return new RevokedTokens(revoked, total - revoked);
    });

    private static StoredToken? Find(DbConnection connection, string id, DbTransaction? transaction = null) =>
        connection.QueryFirstOrDefault<StoredToken>(
            $"SELECT {Columns} FROM tokens WHERE id = @id", new { id }, transaction);

    private static StoredToken? FindByHash(DbConnection connection, string hash) =>
        connection.QueryFirstOrDefault<StoredToken>($"SELECT {Columns} FROM tokens WHERE hash = @hash", new { hash });
}

/// <summary>A token and its project, read together.</summary>
internal sealed record FoundToken(StoredToken Token, StoredProject Project);

/// <summary>A row of <c>tokens</c>.</summary>
internal sealed class StoredToken : ILimitColumns
{
    public string Id { get; set; } = string.Empty;

    public string Hash { get; set; } = string.Empty;

    public string ProjectId { get; set; } = string.Empty;

    public bool IsActive { get; set; }

    public long ExpiresAt { get; set; }

    public long? MaxRequests { get; set; }

    public long? RequestsPerMinute { get; set; }

    public long? MaxConcurrent { get; set; }

    public long? MaxTokens { get; set; }

    public long? TokensPerMinute { get; set; }

    public long? MaxCost { get; set; }

    public string? AllowedModels { get; set; }

    public string? AllowedEndpoints { get; set; }

    public string? AllowedOrigins { get; set; }

    public long RequestCount { get; set; }

    public long TokenCount { get; set; }

    public long Cost { get; set; }

    public bool UseCache { get; set; }

    public long CacheHitCount { get; set; }

    public long? LastUsedAt { get; set; }

    public long? RevokedAt { get; set; }

    public long CreatedAt { get; set; }

    public long UpdatedAt { get; set; }

    public long Version { get; set; }

    /// <summary>What the store says was spent.</summary>
    public Amounts Spent => Amounts.Of(RequestCount, TokenCount, Cost);
}
