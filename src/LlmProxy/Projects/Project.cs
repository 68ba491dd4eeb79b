using LlmProxy.Secrets;

namespace LlmProxy.Projects;

/// <summary>A tenant as management sees it. The provider key is not in it, only its last four characters.</summary>
internal sealed record ProjectRow(
    Guid Id,
    string Name,
    string KeyLastFour,
    bool IsActive,
    DateTimeOffset? DeactivatedAt,
    DateTimeOffset CreatedAt,
    DateTimeOffset UpdatedAt);

/// <summary>
/// A tenant in use: one object for all its live tokens, so that what management changes is seen by all of them at once.
/// Written by <see cref="ProjectDirectory"/> only.
/// </summary>
internal sealed class Project(Guid id, string name, bool isActive, Secret providerKey)
{
    private volatile string _name = name;
    private volatile bool _isActive = isActive;
    private volatile Secret _providerKey = providerKey;

    public Guid Id => id;

    public string Name => _name;

    public bool IsActive => _isActive;

    public Secret ProviderKey => _providerKey;

    public void Become(string name, bool isActive, Secret providerKey) =>
        (_name, _isActive, _providerKey) = (name, isActive, providerKey);
}

/// <summary>What a PATCH may change; null leaves it as it is.</summary>
internal sealed record ProjectChange(string? Name, Secret? ProviderKey, bool? IsActive);

/// <summary>What became of a change.</summary>
internal enum ProjectFault
{
    None,
    NotFound,
    NameTaken,
}

internal readonly record struct ProjectOutcome(ProjectRow? Row, ProjectFault Fault);
