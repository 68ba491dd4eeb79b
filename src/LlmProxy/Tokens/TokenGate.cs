using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using LlmProxy.Http;
using LlmProxy.Limits;
using LlmProxy.Projects;
using LlmProxy.Storage;

namespace LlmProxy.Tokens;

/// <summary>Who asks, as far as the pipeline needs to know. <paramref name="Reason"/> is for the log, never for the caller.</summary>
internal readonly record struct Admission(Grant? Grant, Refusal? Refusal, string? Reason);

/// <summary>
/// Admits requests by their token. What is known is in memory; what is not is looked up once, on the thread pool, and
/// remembered, also when it is unknown. Unknown, revoked and expired look the same from outside: nobody learns which
/// tokens ever existed.
/// </summary>
internal sealed class TokenGate(
    Database database, TokenHasherSource hashers, ProjectDirectory projects, LeaseOffice leases, TimeProvider clock)
{
    private const int GrantsMax = 100_000;
    private const int UnknownMax = 10_000;
    private static readonly TimeSpan UnknownLasts = TimeSpan.FromSeconds(10);

    // The wall clock may jump; the monotonic one says how far it must have come at least.
    private readonly DateTimeOffset _startedAt = clock.GetUtcNow();
    private readonly long _started = clock.GetTimestamp();

    private readonly ConcurrentDictionary<TokenHash, Grant> _grants = new();
    private readonly ConcurrentDictionary<TokenHash, long> _unknown = new();
    private readonly ConcurrentDictionary<TokenHash, Lazy<Task<Grant?>>> _lookups = new();

    // Also grants that were put out of memory while requests run under them: revocation must reach those too.
    private readonly ConcurrentDictionary<Guid, WeakReference<Grant>> _byId = new();

    // In the order of their coming, for putting out who rests (second chance). Guarded by _lock.
    private readonly Queue<Grant> _order = new();
    private readonly Lock _lock = new();

    // Raised by each change of management: what was read before it may be stale.
    private long _changes;

    /// <summary>Now, never earlier than the time that has really passed since the start allows.</summary>
    private DateTimeOffset Now
    {
        get
        {
            var (wall, least) = (clock.GetUtcNow(), _startedAt + clock.GetElapsedTime(_started));
            return wall > least ? wall : least;
        }
    }

    /// <summary>Who asks. No I/O when the token is known, or known to be unknown.</summary>
    public ValueTask<Admission> AdmitAsync(string secret, CancellationToken aborted)
    {
        if (!TokenSecret.IsWellFormed(secret))
        {
            return ValueTask.FromResult(Refused(secret.Length == 0 ? "missing" : "malformed"));
        }

        var hash = hashers.Hasher.Hash(secret);
        if (_grants.TryGetValue(hash, out var grant))
        {
            grant.WasUsed = true;
            return ValueTask.FromResult(Judge(grant));
        }

        return IsKnownToBeUnknown(hash) ? ValueTask.FromResult(Refused("unknown")) : LookUpAndJudgeAsync(hash, aborted);
    }

    /// <summary>Runs a change of management; what was read before its end is not put into memory.</summary>
    public async Task<T> ChangeAsync<T>(Func<Task<T>> change)
    {
        Interlocked.Increment(ref _changes);
        try
        {
            return await change();
        }
        finally
        {
            Interlocked.Increment(ref _changes);
        }
    }

    /// <summary>A token that has just been issued may have been asked for before, by somebody in a hurry.</summary>
    public void Forget(TokenHash hash) => _unknown.TryRemove(hash, out _);

    /// <summary>The grant of a token, if it is in memory or in use.</summary>
    public bool TryFind(Guid tokenId, [NotNullWhen(true)] out Grant? grant)
    {
        grant = null;
        return _byId.TryGetValue(tokenId, out var reference) && reference.TryGetTarget(out grant);
    }

    /// <summary>Ends the grant: the next request is refused, running ones are cut.</summary>
    public void End(Guid tokenId)
    {
        if (TryFind(tokenId, out var grant))
        {
            grant.Revoke();
            _grants.TryRemove(grant.Hash, out _);
            _byId.TryRemove(tokenId, out _);
        }
    }

    /// <summary>All grants of a project that are in memory or in use.</summary>
    public IReadOnlyList<Grant> GrantsOf(Guid projectId) =>
        [.. _byId.Values.Select(static reference => reference.TryGetTarget(out var grant) ? grant : null)
            .OfType<Grant>().Where(grant => grant.Project.Id == projectId)];

    private static Admission Refused(string reason) => new(null, Refusal.InvalidToken, reason);

    private Admission Judge(Grant grant) =>
        grant.IsRevoked ? Refused("revoked")
        : grant.HasExpiredAt(Now) ? Refused("expired")
        : grant.Project.IsActive ? new Admission(grant, null, null)
        : new Admission(null, Refusal.ProjectInactive, "project_inactive");

    private bool IsKnownToBeUnknown(TokenHash hash) =>
        _unknown.TryGetValue(hash, out var since) && clock.GetElapsedTime(since) < UnknownLasts;

    private async ValueTask<Admission> LookUpAndJudgeAsync(TokenHash hash, CancellationToken aborted)
    {
        try
        {
            var lookup = _lookups.GetOrAdd(hash, key => new Lazy<Task<Grant?>>(() => LookUpAsync(key)));
            return await lookup.Value.WaitAsync(aborted) is { } grant ? Judge(grant) : Refused("unknown");
        }
        catch (StoreUnavailable)
        {
            return new Admission(null, Refusal.StoreUnavailable, "store");
        }
    }

    /// <summary>One look-up at a time for one token, however many ask; nobody's leaving ends it for the others.</summary>
    private async Task<Grant?> LookUpAsync(TokenHash hash)
    {
        try
        {
            while (true)
            {
                var before = Interlocked.Read(ref _changes);
                var found = await database.ReadAsync(connection =>
                {
                    var token = TokenStore.FindHash(connection, hash.ToArray());
                    return (token, project: token is null ? null : projects.Live(connection, Guid.Parse(token.ProjectId)));
                }, CancellationToken.None);
                if (before == Interlocked.Read(ref _changes))
                {
                    return Remember(hash, found.token, found.project);
                }
            }
        }
        finally
        {
            _lookups.TryRemove(hash, out _);
        }
    }

    private Grant? Remember(TokenHash hash, StoredToken? token, Project? project)
    {
        if (token is null || project is null || !token.IsActive)
        {
            if (_unknown.Count >= UnknownMax)
            {
                _unknown.Clear();
            }

            _unknown[hash] = clock.GetTimestamp();
            return null;
        }

        var id = Guid.Parse(token.Id);
        lock (_lock)
        {
            if (!TryFind(id, out var grant))
            {
                grant = new Grant(id, hash, project, DateTimeOffset.FromUnixTimeMilliseconds(token.ExpiresAt),
                    leases.For(id, token.MaxRequests is not null));
                _byId[id] = new WeakReference<Grant>(grant);
            }

            if (_grants.TryAdd(hash, grant))
            {
                _order.Enqueue(grant);
                PutOutWhoRests();
            }

            return grant;
        }
    }

    private void PutOutWhoRests()
    {
        while (_order.Count > GrantsMax)
        {
            var oldest = _order.Dequeue();
            if (oldest is { WasUsed: true, IsRevoked: false })
            {
                oldest.WasUsed = false;
                _order.Enqueue(oldest);
                continue;
            }

            _grants.TryRemove(oldest.Hash, out _);
        }

        if (_byId.Count > 2 * GrantsMax)
        {
            foreach (var (id, reference) in _byId)
            {
                if (!reference.TryGetTarget(out _))
                {
                    _byId.TryRemove(id, out _);
                }
            }
        }
    }
}
