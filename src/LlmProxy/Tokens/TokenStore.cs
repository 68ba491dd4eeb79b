using System.Data.Common;
using Dapper;

namespace LlmProxy.Tokens;

/// <summary>Every SQL statement about tokens but the counting ones (<c>LeaseStore</c>) and the list.</summary>
[DapperAot]
internal static class TokenStore
{
    private const string Columns = """
        id AS Id, hash AS Hash, project_id AS ProjectId, is_active AS IsActive, expires_at AS ExpiresAt,
        max_requests AS MaxRequests, request_count AS RequestCount, last_used_at AS LastUsedAt,
        revoked_at AS RevokedAt, created_at AS CreatedAt, updated_at AS UpdatedAt
        """;

    public static StoredToken? Find(DbConnection connection, string id) =>
        connection.QueryFirstOrDefault<StoredToken>($"SELECT {Columns} FROM tokens WHERE id = @id", new { id });

    public static StoredToken? FindHash(DbConnection connection, byte[] hash) =>
        connection.QueryFirstOrDefault<StoredToken>($"SELECT {Columns} FROM tokens WHERE hash = @hash", new { hash });

    public static List<StoredToken> List(
        DbConnection connection, string? projectId, bool activeOnly, long now, string before, int limit) =>
        projectId is null
            ? connection.Query<StoredToken>($"""
                SELECT {Columns} FROM tokens
                WHERE id < @before AND (NOT @activeOnly OR (is_active = 1 AND expires_at > @now))
                ORDER BY id DESC LIMIT @limit
                """, new { activeOnly, now, before, limit }).AsList()
            : connection.Query<StoredToken>($"""
                SELECT {Columns} FROM tokens
                WHERE project_id = @projectId AND id < @before
                    AND (NOT @activeOnly OR (is_active = 1 AND expires_at > @now))
                ORDER BY id DESC LIMIT @limit
                """, new { projectId, activeOnly, now, before, limit }).AsList();

    public static List<string> IdsOf(DbConnection connection, string projectId, bool isActive) =>
        connection.Query<string>(
            "SELECT id FROM tokens WHERE project_id = @projectId AND is_active = @isActive",
            new { projectId, isActive }).AsList();

    public static void Insert(DbConnection connection, DbTransaction transaction, StoredToken token) =>
        connection.Execute("""
            INSERT INTO tokens (id, hash, project_id, is_active, expires_at, max_requests, request_count, created_at, updated_at)
            VALUES (@Id, @Hash, @ProjectId, @IsActive, @ExpiresAt, @MaxRequests, @RequestCount, @CreatedAt, @UpdatedAt)
            """, token, transaction);

    public static void Update(DbConnection connection, DbTransaction transaction, StoredToken token) =>
        connection.Execute("""
            UPDATE tokens SET is_active = @IsActive, expires_at = @ExpiresAt, max_requests = @MaxRequests,
                request_count = @RequestCount, revoked_at = @RevokedAt, updated_at = @UpdatedAt
            WHERE id = @Id
            """, token, transaction);

    public static int RevokeAllOf(DbConnection connection, DbTransaction transaction, string projectId, long now) =>
        connection.Execute("""
            UPDATE tokens SET is_active = 0, revoked_at = @now, updated_at = @now
            WHERE project_id = @projectId AND is_active = 1
            """, new { projectId, now }, transaction);

    public static byte[]? FindSealed(DbConnection connection, string name) =>
        connection.QueryFirstOrDefault<byte[]>("SELECT sealed FROM sealed_secrets WHERE name = @name", new { name });

    public static void PutSealed(DbConnection connection, DbTransaction transaction, string name, byte[] envelope) =>
        connection.Execute("""
            INSERT INTO sealed_secrets (name, sealed) VALUES (@name, @envelope)
            ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed
            """, new { name, envelope }, transaction);
}

/// <summary>A row of <c>tokens</c>.</summary>
internal sealed class StoredToken
{
    public string Id { get; set; } = string.Empty;

    public byte[] Hash { get; set; } = [];

    public string ProjectId { get; set; } = string.Empty;

    public bool IsActive { get; set; }

    public long ExpiresAt { get; set; }

    public long? MaxRequests { get; set; }

    public long RequestCount { get; set; }

    public long? LastUsedAt { get; set; }

    public long? RevokedAt { get; set; }

    public long CreatedAt { get; set; }

    public long UpdatedAt { get; set; }
}
