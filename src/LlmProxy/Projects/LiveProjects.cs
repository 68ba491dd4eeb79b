using LlmProxy.Limits;
using LlmProxy.Storage;

namespace LlmProxy.Projects;

/// <summary>The projects whose tokens are in use, one object each. Changes reach them here.</summary>
internal sealed class LiveProjects(ProjectKeys keys, LeaseOffice leases)
{
    private readonly Lock _lock = new();

    // Guarded by _lock. Grants hold the projects, not we.
    private readonly LiveObjects<Project> _projects = new();
    private long _changes;

    /// <summary>
    /// Grows with each change. What was read from the store before it grew may be stale, and must be read again
    /// before it is put into memory: <see cref="Of"/> asks for it.
    /// </summary>
    public long Changes => Interlocked.Read(ref _changes);

    public IReadOnlyList<Project> All
    {
        get
        {
            lock (_lock)
            {
                return _projects.All;
            }
        }
    }

    /// <summary>
    /// The live object of a row; null when the row may be stale and must be read again. Both under one lock: a change
    /// that comes between would find no object to reach, and the old row would stay in force.
    /// </summary>
    /// <param name="row">What was read.</param>
    /// <param name="changes"><see cref="Changes"/> from before it was read.</param>
    public Project? Of(StoredProject row, long changes)
    {
        var id = Guid.Parse(row.Id);
        lock (_lock)
        {
            if (_changes != changes)
            {
                return null;
            }

            if (!_projects.TryFind(id, out var project))
            {
                project = new Project(id, StateOf(id, row), leases.For(AccountId.OfProject(id), row, row.Spent));
                _projects.Set(id, project);
            }

            return project;
        }
    }

    /// <summary>
    /// Management changed the project, here or elsewhere. An older row than the one known changes nothing.
    /// </summary>
    public void Follow(StoredProject row)
    {
        var id = Guid.Parse(row.Id);
        lock (_lock)
        {
            _changes++;
            if (_projects.TryFind(id, out var project) && row.Version > project.Version)
            {
                project.Become(StateOf(id, row));
                project.Account.Follow(row, row.Spent);
            }
        }
    }

    /// <summary>The project is no more.</summary>
    public void Remove(Guid id)
    {
        lock (_lock)
        {
            _changes++;
            if (_projects.TryFind(id, out var project))
            {
                project.Delete();
                _projects.Remove(id);
            }
        }
    }

    private ProjectState StateOf(Guid id, StoredProject row) =>
        new(
            row.Name, row.IsActive, row.ExpiresAt ?? long.MaxValue, keys.Open(id, row.SealedKey), row.Captures,
            row.Version);
}
