using LlmProxy.Events;
using LlmProxy.Limits;
using LlmProxy.Secrets;

namespace LlmProxy.Projects;

/// <summary>A tenant as management sees it. The provider key is not in it, only its last four characters.</summary>
internal sealed record ProjectRow(
    Guid Id,
    string Name,
    string KeyLastFour,
    bool IsActive,
    DateTimeOffset? DeactivatedAt,
    DateTimeOffset? ExpiresAt,
    LimitSet Limits,
    BodyPolicy? CaptureBodies,
    long RequestCount,
    long TokenCount,
    long Cost,
    long CacheHitCount,
    DateTimeOffset? LastUsedAt,
    DateTimeOffset CreatedAt,
    DateTimeOffset UpdatedAt);

/// <summary>
/// A tenant in use: one object for all its live tokens, so that what management changes is seen by all of them at once.
/// Written by <see cref="LiveProjects"/> only.
/// </summary>
internal sealed class Project(Guid id, ProjectState state, Account account)
{
    private volatile ProjectState _state = state;
    private volatile bool _isDeleted;

    public Guid Id => id;

    public string Name => _state.Name;

    public bool IsActive => _state.IsActive;

    public Secret ProviderKey => _state.ProviderKey;

    /// <summary>What all its tokens together may still spend.</summary>
    public Account Account => account;

    /// <summary>From this instant on its tokens are refused; <see cref="long.MaxValue"/> when there is none.</summary>
    public long ExpiresAtMilliseconds => _state.ExpiresAt;

    /// <summary>What of its messages goes into events; null leaves that to the setting.</summary>
    public BodyPolicy? CaptureBodies => _state.CaptureBodies;

    /// <summary>It is no more, and so are its tokens.</summary>
    public bool IsDeleted => _isDeleted;

    public long Version => _state.Version;

    public void Become(ProjectState state) => _state = state;

    public void Delete() => _isDeleted = true;
}

/// <summary>What may change of a project; swapped as a whole, so that nobody sees half a change.</summary>
internal sealed record ProjectState(
    string Name, bool IsActive, long ExpiresAt, Secret ProviderKey, BodyPolicy? CaptureBodies, long Version);

/// <summary>What a PATCH may change; null leaves it as it is.</summary>
internal sealed record ProjectChange(string? Name, Secret? ProviderKey, bool? IsActive)
{
    public ProjectEnd? End { get; init; }

    public ProjectCapture? Capture { get; init; }

    public LimitChange Limits { get; init; } = LimitChange.None;
}

/// <summary>From when on the tokens of a project are refused; null is never.</summary>
internal readonly record struct ProjectEnd(DateTimeOffset? At);

/// <summary>What of a project's messages goes into events; null leaves that to the setting.</summary>
internal readonly record struct ProjectCapture(BodyPolicy? Policy);

/// <summary>Why a project was not made or changed.</summary>
internal enum ProjectFault
{
    None,
    NotFound,
    NameTaken,
}

/// <summary>What became of making or changing a project: it as it is now, or the fault.</summary>
internal readonly record struct ProjectOutcome(ProjectRow? Row, ProjectFault Fault);
