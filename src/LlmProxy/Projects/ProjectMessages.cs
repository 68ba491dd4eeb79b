using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using LlmProxy.Secrets;

namespace LlmProxy.Projects;

/// <summary>A new tenant.</summary>
/// <remarks>
/// Not a record, because records print their members and one of these is a secret. Members that may be absent are set
/// and not init, because the generated reader overwrites an init member with null when it is absent.
/// </remarks>
internal sealed class CreateProject
{
    /// <summary>Unique among the projects.</summary>
    /// <example>research</example>
    [StringLength(ProjectFields.NameLengthMax, MinimumLength = 1)]
    public required string Name { get; init; }

    /// <summary>
    /// The provider's key, with which the project's requests are sent. Required, here or as `openai_api_key`.
    /// </summary>
    /// <example>sk-proj-0123456789abcdef</example>
    [StringLength(ProjectFields.KeyLengthMax, MinimumLength = 1)]
    public string ApiKey { get; set; } = string.Empty;

    /// <summary>Another name of `api_key`.</summary>
    [StringLength(ProjectFields.KeyLengthMax, MinimumLength = 1)]
    public string OpenaiApiKey { get; set; } = string.Empty;

    public Secret Key() => new(ApiKey.Length > 0 ? ApiKey : OpenaiApiKey);
}

/// <summary>What to change in a project; members that are absent stay as they are.</summary>
internal sealed class ChangeProject
{
    /// <summary>Unique among the projects.</summary>
    /// <example>research</example>
    [StringLength(ProjectFields.NameLengthMax, MinimumLength = 1)]
    public string Name { get; set; } = string.Empty;

    /// <summary>The provider's new key.</summary>
    /// <example>sk-proj-0123456789abcdef</example>
    [StringLength(ProjectFields.KeyLengthMax, MinimumLength = 1)]
    public string ApiKey { get; set; } = string.Empty;

    /// <summary>Another name of `api_key`.</summary>
    [StringLength(ProjectFields.KeyLengthMax, MinimumLength = 1)]
    public string OpenaiApiKey { get; set; } = string.Empty;

    /// <summary>Whether the project's tokens are admitted.</summary>
    /// <example>true</example>
    public bool IsActive { get; init; }

    /// <summary>Also revoke the project's tokens, for good. Only together with `is_active: false`.</summary>
    public bool RevokeTokens { get; init; }

    public Secret Key() => new(ApiKey.Length > 0 ? ApiKey : OpenaiApiKey);
}

/// <summary>A tenant.</summary>
internal sealed record ProjectAnswer
{
    /// <summary>The id of the project, a UUIDv7.</summary>
    /// <example>0199c0de-7a1b-7c3d-8e4f-5a6b7c8d9e0f</example>
    public required Guid Id { get; init; }

    /// <summary>Unique among the projects.</summary>
    /// <example>research</example>
    public required string Name { get; init; }

    /// <summary>
    /// The last four characters of the provider key, to tell keys apart; stars when the key is too short.
    /// </summary>
    /// <example>cdef</example>
    public required string ApiKeyLastFour { get; init; }

    /// <summary>Whether the project's tokens are admitted.</summary>
    public required bool IsActive { get; init; }

    /// <summary>When the project was switched off; null while it is active.</summary>
    public required DateTime? DeactivatedAt { get; init; }

    /// <summary>When the project was created.</summary>
    /// <example>2026-01-31T12:00:00Z</example>
    public required DateTime CreatedAt { get; init; }

    /// <summary>When the project was last changed.</summary>
    /// <example>2026-01-31T12:00:00Z</example>
    public required DateTime UpdatedAt { get; init; }

    public static ProjectAnswer Of(ProjectRow row) => new()
    {
        Id = row.Id,
        Name = row.Name,
        ApiKeyLastFour = row.KeyLastFour,
        IsActive = row.IsActive,
        DeactivatedAt = row.DeactivatedAt?.UtcDateTime,
        CreatedAt = row.CreatedAt.UtcDateTime,
        UpdatedAt = row.UpdatedAt.UtcDateTime,
    };
}

/// <summary>A page of projects.</summary>
internal sealed record ProjectPage
{
    /// <summary>The projects of this page.</summary>
    public required IReadOnlyList<ProjectAnswer> Data { get; init; }

    /// <summary>Pass it as `cursor` for the next page; null on the last one.</summary>
    public required string? NextCursor { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    NumberHandling = JsonNumberHandling.Strict,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true)]
[JsonSerializable(typeof(CreateProject))]
[JsonSerializable(typeof(ChangeProject))]
[JsonSerializable(typeof(ProjectAnswer))]
[JsonSerializable(typeof(ProjectPage))]
internal sealed partial class ProjectsJson : JsonSerializerContext;
