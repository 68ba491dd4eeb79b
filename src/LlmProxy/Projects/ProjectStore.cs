using System.Data.Common;
using Dapper;

namespace LlmProxy.Projects;

/// <summary>Every SQL statement about projects.</summary>
[DapperAot]
internal static class ProjectStore
{
    private const string Columns = """
        id AS Id, name AS Name, sealed_key AS SealedKey, key_last_four AS KeyLastFour, is_active AS IsActive,
        deactivated_at AS DeactivatedAt, created_at AS CreatedAt, updated_at AS UpdatedAt
        """;

    public static StoredProject? Find(DbConnection connection, string id) =>
        connection.QueryFirstOrDefault<StoredProject>($"SELECT {Columns} FROM projects WHERE id = @id", new { id });

    public static StoredProject? FindNamed(DbConnection connection, string name) =>
        connection.QueryFirstOrDefault<StoredProject>($"SELECT {Columns} FROM projects WHERE name = @name", new { name });

    public static List<StoredProject> List(DbConnection connection, string afterName, int limit) =>
        connection.Query<StoredProject>(
            $"SELECT {Columns} FROM projects WHERE name > @afterName ORDER BY name LIMIT @limit",
            new { afterName, limit }).AsList();

    public static List<StoredProject> All(DbConnection connection) =>
        connection.Query<StoredProject>($"SELECT {Columns} FROM projects").AsList();

    public static void Insert(DbConnection connection, DbTransaction transaction, StoredProject project) =>
        connection.Execute("""
            INSERT INTO projects (id, name, sealed_key, key_last_four, is_active, deactivated_at, created_at, updated_at)
            VALUES (@Id, @Name, @SealedKey, @KeyLastFour, @IsActive, @DeactivatedAt, @CreatedAt, @UpdatedAt)
            """, project, transaction);

    public static void Update(DbConnection connection, DbTransaction transaction, StoredProject project) =>
        connection.Execute("""
            UPDATE projects SET name = @Name, sealed_key = @SealedKey, key_last_four = @KeyLastFour,
                is_active = @IsActive, deactivated_at = @DeactivatedAt, updated_at = @UpdatedAt
            WHERE id = @Id
            """, project, transaction);

    public static bool Delete(DbConnection connection, DbTransaction transaction, string id) =>
        connection.Execute("DELETE FROM projects WHERE id = @id", new { id }, transaction) > 0;
}

/// <summary>A row of <c>projects</c>.</summary>
internal sealed class StoredProject
{
    public string Id { get; set; } = string.Empty;

    public string Name { get; set; } = string.Empty;

    public byte[] SealedKey { get; set; } = [];

    public string KeyLastFour { get; set; } = string.Empty;

    public bool IsActive { get; set; }

    public long? DeactivatedAt { get; set; }

    public long CreatedAt { get; set; }

    public long UpdatedAt { get; set; }

    public ProjectRow ToRow() => new(
        Guid.Parse(Id), Name, KeyLastFour, IsActive,
        DeactivatedAt is { } at ? DateTimeOffset.FromUnixTimeMilliseconds(at) : null,
        DateTimeOffset.FromUnixTimeMilliseconds(CreatedAt), DateTimeOffset.FromUnixTimeMilliseconds(UpdatedAt));
}
