using LlmProxy.Events;
using LlmProxy.Limits;
using LlmProxy.Secrets;

namespace LlmProxy.Projects;

/// <summary>What management does with tenants: make, find, list, change, delete.</summary>
internal sealed class ProjectDirectory(
    ProjectStore store, ProjectKeys keys, LiveProjects live, LeaseOffice leases, CacheHits hits,
    SecretsOptions secrets, TimeProvider clock)
{
    /// <param name="name">Unique; a name that is taken is a fault.</param>
    /// <param name="providerKey">Sealed before it is stored.</param>
    /// <param name="end">Never, when null.</param>
    /// <param name="limits">None, when null.</param>
    /// <param name="captureBodies">What the setting says, when null.</param>
    public async Task<ProjectOutcome> CreateAsync(
        string name, Secret providerKey, DateTimeOffset? end = null, LimitChange? limits = null,
        BodyPolicy? captureBodies = null)
    {
        var now = clock.GetUtcNow();
        var id = Guid.CreateVersion7(now);
        var project = new StoredProject
        {
            Id = id.ToString(),
            Name = name,
            SealedKey = keys.Seal(id, providerKey),
            KeyLastFour = providerKey.LastFour,
            IsActive = true,
            ExpiresAt = end?.ToUnixTimeMilliseconds(),
            CaptureBodies = WordFor(captureBodies),
            CreatedAt = now.ToUnixTimeMilliseconds(),
            UpdatedAt = now.ToUnixTimeMilliseconds(),
            Version = 1,
        };
        limits?.ApplyTo(project);
        var fault = await store.InsertAsync(project);
        return new(fault == ProjectFault.None ? RowOf(project) : null, fault);
    }

    public async Task<ProjectRow?> FindAsync(Guid id, CancellationToken aborted)
    {
        await SettleAsync();
        return await store.FindAsync(id, aborted) is { } project ? RowOf(project) : null;
    }

    /// <summary>By name, those after <paramref name="afterName"/>.</summary>
    public async Task<IReadOnlyList<ProjectRow>> ListAsync(string afterName, int limit, CancellationToken aborted)
    {
        await SettleAsync();
        return [.. (await store.ListAsync(afterName, limit, aborted)).Select(RowOf)];
    }

    /// <summary>
    /// Requests that are running keep the provider key that they started with; the next one has the new one.
    /// </summary>
    public async Task<ProjectOutcome> ChangeAsync(Guid id, ProjectChange change)
    {
        await SettleAsync();
        var (changed, fault) = await store.ChangeAsync(id, project => Apply(change, id, project));
        if (changed is not null)
        {
            live.Follow(changed);
        }

        return new(changed is null ? null : RowOf(changed), fault);
    }

    /// <summary>
    /// Removes the project and its tokens. The next request is refused; what is running is ended by the tokens,
    /// within a second. False when there is no such project.
    /// </summary>
    public async Task<bool> DeleteAsync(Guid id)
    {
        var wasThere = await store.DeleteAsync(id);
        live.Remove(id);
        return wasThere;
    }

    /// <summary>Another instance may have changed the project: its live object takes on what the store says.</summary>
    public async Task ReloadAsync(Guid id, CancellationToken aborted)
    {
        if (await store.FindAsync(id, aborted) is { } project)
        {
            live.Follow(project);
        }
        else
        {
            live.Remove(id);
        }
    }

    /// <summary>
    /// Seals anew what the previous master key has sealed, in one transaction; answers how many keys that were.
    /// Without a previous key there is nothing to look for.
    /// </summary>
    public Task<int> ResealAsync() =>
        secrets.PreviousKey is null ? Task.FromResult(0) : store.ResealAsync(keys.Reseal);

    /// <summary>What the store counts is the truth then.</summary>
    private async Task SettleAsync()
    {
        await leases.SettleAsync();
        await hits.FlushAsync();
    }

    private void Apply(ProjectChange change, Guid id, StoredProject project)
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        project.Name = change.Name ?? project.Name;
        project.UpdatedAt = now;
        project.ExpiresAt = change.End is { } end ? end.At?.ToUnixTimeMilliseconds() : project.ExpiresAt;
        project.CaptureBodies = change.Capture is { } capture ? WordFor(capture.Policy) : project.CaptureBodies;
        change.Limits.ApplyTo(project);
        if (change.ProviderKey is { } key)
        {
            (project.SealedKey, project.KeyLastFour) = (keys.Seal(id, key), key.LastFour);
        }

        if (change.IsActive is { } isActive && isActive != project.IsActive)
        {
            (project.IsActive, project.DeactivatedAt) = (isActive, isActive ? null : now);
        }
    }

    private static string? WordFor(BodyPolicy? policy) =>
        policy is { } some ? EventOptions.BodyWords[(int)some] : null;

    private ProjectRow RowOf(StoredProject project)
    {
        var id = Guid.Parse(project.Id);
        var (requests, tokens, cost) = leases.UsedOf(AccountId.OfProject(id), project.Spent);
        return new ProjectRow(
            id, project.Name, project.KeyLastFour, project.IsActive, At(project.DeactivatedAt),
            At(project.ExpiresAt), LimitSet.Of(project), project.Captures, requests, tokens, cost,
            project.CacheHitCount, At(project.LastUsedAt),
            DateTimeOffset.FromUnixTimeMilliseconds(project.CreatedAt),
            DateTimeOffset.FromUnixTimeMilliseconds(project.UpdatedAt));

        static DateTimeOffset? At(long? milliseconds) =>
            milliseconds is { } some ? DateTimeOffset.FromUnixTimeMilliseconds(some) : null;
    }
}
