using System.Data.Common;
using Dapper;
using LlmProxy.Events;
using LlmProxy.Limits;
using LlmProxy.Storage;

namespace LlmProxy.Projects;

/// <summary>Every SQL statement about projects.</summary>
[DapperAot]
internal sealed class ProjectStore(Database database)
{
    private const string Columns = """
        id AS Id, name AS Name, sealed_key AS SealedKey, key_last_four AS KeyLastFour, is_active AS IsActive,
        deactivated_at AS DeactivatedAt, expires_at AS ExpiresAt, max_requests AS MaxRequests,
        requests_per_minute AS RequestsPerMinute, max_concurrent AS MaxConcurrent, max_tokens AS MaxTokens,
        tokens_per_minute AS TokensPerMinute, max_cost AS MaxCost, allowed_models AS AllowedModels,
        allowed_endpoints AS AllowedEndpoints, allowed_origins AS AllowedOrigins, capture_bodies AS CaptureBodies,
        request_count AS RequestCount,
        token_count AS TokenCount, cost AS Cost, cache_hit_count AS CacheHitCount, last_used_at AS LastUsedAt,
        created_at AS CreatedAt, updated_at AS UpdatedAt, version AS Version
        """;

    public static StoredProject? Find(DbConnection connection, string id, DbTransaction? transaction = null) =>
        connection.QueryFirstOrDefault<StoredProject>(
            $"SELECT {Columns} FROM projects WHERE id = @id", new { id }, transaction);

    public Task<StoredProject?> FindAsync(Guid id, CancellationToken aborted) =>
        database.ReadAsync(connection => Find(connection, id.ToString()), aborted);

    /// <summary>By name, those after <paramref name="afterName"/>.</summary>
    public Task<List<StoredProject>> ListAsync(string afterName, int limit, CancellationToken aborted) =>
        database.ReadAsync(connection => connection.Query<StoredProject>(
            $"SELECT {Columns} FROM projects WHERE name > @afterName ORDER BY name LIMIT @limit",
            new { afterName, limit }).ToList(), aborted);

    public Task<ProjectFault> InsertAsync(StoredProject project) => database.WriteAsync((connection, transaction) =>
    {
        if (IdOfName(connection, transaction, project.Name) is not null)
        {
            return ProjectFault.NameTaken;
        }

        connection.Execute("""
            INSERT INTO projects (id, name, sealed_key, key_last_four, is_active, deactivated_at, expires_at,
                max_requests, requests_per_minute, max_concurrent, max_tokens, tokens_per_minute, max_cost,
                allowed_models, allowed_endpoints, allowed_origins, capture_bodies, created_at, updated_at, version)
            VALUES (@Id, @Name, @SealedKey, @KeyLastFour, @IsActive, @DeactivatedAt, @ExpiresAt,
                @MaxRequests, @RequestsPerMinute, @MaxConcurrent, @MaxTokens, @TokensPerMinute, @MaxCost,
                @AllowedModels, @AllowedEndpoints, @AllowedOrigins, @CaptureBodies, @CreatedAt, @UpdatedAt, @Version)
            """, project, transaction);
        return ProjectFault.None;
    });

    /// <summary>Finds the project, changes it, and answers it as it is now.</summary>
    public Task<(StoredProject? Changed, ProjectFault Fault)> ChangeAsync(Guid id, Action<StoredProject> change) =>
        database.WriteAsync<(StoredProject?, ProjectFault)>((connection, transaction) =>
        {
            if (Find(connection, id.ToString(), transaction) is not { } project)
            {
                return (null, ProjectFault.NotFound);
            }

            change(project);
            if (IdOfName(connection, transaction, project.Name) is { } owner && owner != project.Id)
            {
                return (null, ProjectFault.NameTaken);
            }

            project.Version++;
            Update(connection, transaction, project);
            ChangeStore.Note(connection, transaction, ChangeStore.Project, project.Id);
            return (project, ProjectFault.None);
        });

    /// <summary>Removes the project and, with it, its tokens. False when there is none.</summary>
    public Task<bool> DeleteAsync(Guid id) => database.WriteAsync((connection, transaction) =>
    {
        ChangeStore.Note(connection, transaction, ChangeStore.Project, id.ToString());
        return connection.Execute("DELETE FROM projects WHERE id = @id", new { id = id.ToString() }, transaction) > 0;
    });

    /// <summary>
    /// Replaces sealed keys for which <paramref name="reseal"/> gives another envelope; answers how many.
    /// </summary>
    public Task<int> ResealAsync(Func<Guid, string, string?> reseal) => database.WriteAsync((connection, transaction) =>
    {
        var resealed = 0;
        foreach (var project in connection.Query<StoredProject>(
            $"SELECT {Columns} FROM projects", transaction: transaction).ToList())
        {
            if (reseal(Guid.Parse(project.Id), project.SealedKey) is { } envelope)
            {
                project.SealedKey = envelope;
                Update(connection, transaction, project);
                resealed++;
            }
        }

        return resealed;
    });

    private static string? IdOfName(DbConnection connection, DbTransaction transaction, string name) =>
        connection.QueryFirstOrDefault<string>(
            "SELECT id FROM projects WHERE name = @name", new { name }, transaction);

    private static void Update(DbConnection connection, DbTransaction transaction, StoredProject project) =>
        connection.Execute("""
            UPDATE projects SET name = @Name, sealed_key = @SealedKey, key_last_four = @KeyLastFour,
                is_active = @IsActive, deactivated_at = @DeactivatedAt, expires_at = @ExpiresAt,
                max_requests = @MaxRequests, requests_per_minute = @RequestsPerMinute,
                max_concurrent = @MaxConcurrent, max_tokens = @MaxTokens, tokens_per_minute = @TokensPerMinute,
                max_cost = @MaxCost, allowed_models = @AllowedModels, allowed_endpoints = @AllowedEndpoints,
                allowed_origins = @AllowedOrigins, capture_bodies = @CaptureBodies, updated_at = @UpdatedAt,
                version = @Version
            WHERE id = @Id
            """, project, transaction);
}

/// <summary>A row of <c>projects</c>.</summary>
internal sealed class StoredProject : ILimitColumns
{
    public string Id { get; set; } = string.Empty;

    public string Name { get; set; } = string.Empty;

    public string SealedKey { get; set; } = string.Empty;

    public string KeyLastFour { get; set; } = string.Empty;

    public bool IsActive { get; set; }

    public long? DeactivatedAt { get; set; }

    public long? ExpiresAt { get; set; }

    public long? MaxRequests { get; set; }

    public long? RequestsPerMinute { get; set; }

    public long? MaxConcurrent { get; set; }

    public long? MaxTokens { get; set; }

    public long? TokensPerMinute { get; set; }

    public long? MaxCost { get; set; }

    public string? AllowedModels { get; set; }

    public string? AllowedEndpoints { get; set; }

    public string? AllowedOrigins { get; set; }

    /// <summary>A word of <see cref="EventOptions.BodyWords"/>; null leaves it to the setting.</summary>
    public string? CaptureBodies { get; set; }

    public long RequestCount { get; set; }

    public long TokenCount { get; set; }

    public long Cost { get; set; }

    public long CacheHitCount { get; set; }

    public long? LastUsedAt { get; set; }

    public long CreatedAt { get; set; }

    public long UpdatedAt { get; set; }

    public long Version { get; set; }

    public BodyPolicy? Captures =>
        CaptureBodies is null ? null : (BodyPolicy)Array.IndexOf(EventOptions.BodyWords, CaptureBodies);

    /// <summary>What the store says was spent.</summary>
    public Amounts Spent => Amounts.Of(RequestCount, TokenCount, Cost);
}
