using System.Collections.Concurrent;
using System.Data.Common;
using System.Text;
using LlmProxy.Secrets;
using LlmProxy.Storage;

namespace LlmProxy.Projects;

/// <summary>Tenants: made, found, changed and removed here, and kept as one live object each while tokens use them.</summary>
internal sealed class ProjectDirectory(Database database, Sealer sealer, TimeProvider clock)
{
    // Live projects, held by the grants that use them and not by us.
    private readonly ConcurrentDictionary<Guid, WeakReference<Project>> _live = new();

    /// <summary>Raised around each change: what was read before it may be stale.</summary>
    private long _changes;

    public async Task<ProjectOutcome> CreateAsync(string name, Secret providerKey)
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var id = Guid.CreateVersion7(clock.GetUtcNow());
        var stored = new StoredProject
        {
            Id = id.ToString(),
            Name = name,
            SealedKey = SealKey(id, providerKey),
            KeyLastFour = providerKey.LastFour,
            IsActive = true,
            CreatedAt = now,
            UpdatedAt = now,
        };
        var isNew = await database.WriteAsync((connection, transaction) =>
        {
            if (ProjectStore.FindNamed(connection, name) is not null)
            {
                return false;
            }

            ProjectStore.Insert(connection, transaction, stored);
            return true;
        });
        return isNew ? new(stored.ToRow(), ProjectFault.None) : new(null, ProjectFault.NameTaken);
    }

    public async Task<ProjectRow?> FindAsync(Guid id, CancellationToken aborted) =>
        (await database.ReadAsync(connection => ProjectStore.Find(connection, id.ToString()), aborted))?.ToRow();

    /// <summary>By name, those after <paramref name="afterName"/>.</summary>
    public async Task<IReadOnlyList<ProjectRow>> ListAsync(string afterName, int limit, CancellationToken aborted) =>
        [.. (await database.ReadAsync(connection => ProjectStore.List(connection, afterName, limit), aborted))
            .Select(static stored => stored.ToRow())];

    public async Task<ProjectOutcome> ChangeAsync(Guid id, ProjectChange change)
    {
        Interlocked.Increment(ref _changes);
        var (stored, fault) = await database.WriteAsync((connection, transaction) =>
            Change(connection, transaction, id, change));
        if (stored is not null)
        {
            Refresh(stored);
        }

        Interlocked.Increment(ref _changes);
        return new(stored?.ToRow(), fault);
    }

    /// <summary>Removes the project and, with it, its tokens. The caller ends what runs under them.</summary>
    public Task<bool> DeleteAsync(Guid id) => database.WriteAsync((connection, transaction) =>
    {
        ChangeStore.Note(connection, transaction, ChangeStore.Project, id.ToString());
        return ProjectStore.Delete(connection, transaction, id.ToString());
    });

    /// <summary>The live object; null when there is no such project. Called on the thread pool, under no lock.</summary>
    public Project? Live(DbConnection connection, Guid id)
    {
        while (true)
        {
            if (_live.TryGetValue(id, out var reference) && reference.TryGetTarget(out var known))
            {
                return known;
            }

            var before = Interlocked.Read(ref _changes);
            if (ProjectStore.Find(connection, id.ToString()) is not { } stored)
            {
                return null;
            }

            var project = new Project(id, stored.Name, stored.IsActive, OpenKey(id, stored.SealedKey));
            lock (_live)
            {
                // Somebody else may have made it; or it may have changed while we read, then we read again.
                if (before == Interlocked.Read(ref _changes) && !IsLive(id))
                {
                    _live[id] = new WeakReference<Project>(project);
                    return project;
                }
            }
        }
    }

    /// <summary>Another instance changed it: the live object, if there is one, takes on what the store says.</summary>
    public async Task ReloadAsync(Guid id, CancellationToken aborted)
    {
        if (IsLive(id) && await database.ReadAsync(connection => ProjectStore.Find(connection, id.ToString()), aborted) is { } stored)
        {
            Refresh(stored);
        }
    }

    /// <summary>Seals anew what another master key has sealed; answers how many keys that were.</summary>
    public Task<int> ResealAsync() => database.WriteAsync((connection, transaction) =>
    {
        var stale = ProjectStore.All(connection).Where(stored => sealer.NeedsReseal(stored.SealedKey)).ToList();
        foreach (var stored in stale)
        {
            var id = Guid.Parse(stored.Id);
            stored.SealedKey = SealKey(id, OpenKey(id, stored.SealedKey));
            ProjectStore.Update(connection, transaction, stored);
        }

        return stale.Count;
    });

    private (StoredProject?, ProjectFault) Change(
        DbConnection connection, DbTransaction transaction, Guid id, ProjectChange change)
    {
        if (ProjectStore.Find(connection, id.ToString()) is not { } stored)
        {
            return (null, ProjectFault.NotFound);
        }

        if (change.Name is { } name && ProjectStore.FindNamed(connection, name) is { } other && other.Id != stored.Id)
        {
            return (null, ProjectFault.NameTaken);
        }

        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        stored.Name = change.Name ?? stored.Name;
        if (change.ProviderKey is { } key)
        {
            (stored.SealedKey, stored.KeyLastFour) = (SealKey(id, key), key.LastFour);
        }

        if (change.IsActive is { } isActive && isActive != stored.IsActive)
        {
            (stored.IsActive, stored.DeactivatedAt) = (isActive, isActive ? null : now);
        }

        stored.UpdatedAt = now;
        ProjectStore.Update(connection, transaction, stored);
        ChangeStore.Note(connection, transaction, ChangeStore.Project, stored.Id);
        return (stored, ProjectFault.None);
    }

    private bool IsLive(Guid id) => _live.TryGetValue(id, out var reference) && reference.TryGetTarget(out _);

    private void Refresh(StoredProject stored)
    {
        var id = Guid.Parse(stored.Id);
        if (_live.TryGetValue(id, out var reference) && reference.TryGetTarget(out var project))
        {
            project.Become(stored.Name, stored.IsActive, OpenKey(id, stored.SealedKey));
        }
    }

    private byte[] SealKey(Guid id, Secret key) => sealer.Seal(Encoding.UTF8.GetBytes(key.Reveal()), PurposeOf(id));

    private Secret OpenKey(Guid id, byte[] sealedKey) => sealer.Open(sealedKey, PurposeOf(id)) is { } key
        ? new Secret(Encoding.UTF8.GetString(key))
        : throw new StoreUnavailable("A provider key could not be opened with the present master key.");

    private static string PurposeOf(Guid id) => $"provider key of project {id}";
}
