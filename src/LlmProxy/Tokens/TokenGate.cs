using System.Diagnostics.CodeAnalysis;
using LlmProxy.Http;
using LlmProxy.Limits;
using LlmProxy.Projects;
using LlmProxy.Secrets;
using LlmProxy.Storage;

namespace LlmProxy.Tokens;

/// <summary>
/// Who asks, as far as the pipeline needs to know. <paramref name="Reason"/> is for the log, never for the caller.
/// </summary>
internal readonly record struct Admission(Grant? Grant, Refusal? Refusal, string? Reason);

/// <summary>
/// Admits requests by their token. What is known is in memory; what is not is looked up once, on the thread pool, and
/// remembered, also when it is unknown. Unknown, revoked and expired look the same from outside: nobody learns which
/// tokens ever existed.
/// </summary>
internal sealed class TokenGate(
    TokenStore store, TokenHasher hasher, LiveProjects projects, LeaseOffice leases, TimeProvider clock)
{
    private const int LookUpsMax = 4_096;

    // Looking for who rests must end, even when everybody was used.
    private const int SecondChancesMax = 64;

    private readonly TokenClock _time = new(clock);
    private readonly UnknownTokens _unknown = new(clock);
    private readonly Lock _lock = new();

    // Changed under _lock.
    private readonly GrantTable _grants = new();

    // Guarded by _lock. Grants that were put out of memory are here as long as requests run under them: revocation must
    // reach those too, and their token must not get a second grant.
    private readonly LiveObjects<Grant> _putOut = new();
    private readonly Dictionary<TokenHash, LookUp> _lookUps = [];

    // In the order of their coming, for putting out who rests (second chance). Guarded by _lock.
    private readonly Queue<Grant> _order = new();

    /// <summary>How many tokens are kept in memory.</summary>
    public int GrantsMax { get; init; } = 100_000;

    /// <summary>Who asks. No I/O when the token is known, or known to be unknown.</summary>
    public ValueTask<Admission> AdmitAsync(string secret, CancellationToken aborted)
    {
        if (!TokenSecret.IsWellFormed(secret))
        {
            return ValueTask.FromResult(Refused(secret.Length == 0 ? "missing" : "malformed"));
        }

        return AdmitAsync(hasher.Hash(secret), aborted);
    }

    /// <summary>The same for management, which knows no secret.</summary>
    public ValueTask<Admission> AdmitAsync(TokenHash hash, CancellationToken aborted)
    {
        if (_grants.TryFind(hash, out var grant))
        {
            return ValueTask.FromResult(Judge(grant));
        }

        return _unknown.Contains(hash) ? ValueTask.FromResult(Refused("unknown")) : LookUpAndJudgeAsync(hash, aborted);
    }

    /// <summary>
    /// A row as it is now, by management here or elsewhere: the grant, if there is one, follows. Whatever is being
    /// looked up is looked up again. An older row than the one known changes nothing.
    /// </summary>
    public void Follow(StoredToken token)
    {
        var (id, hash) = (Guid.Parse(token.Id), TokenHash.Parse(token.Hash));
        lock (_lock)
        {
            _unknown.Remove(hash);
            if (_lookUps.TryGetValue(hash, out var lookUp))
            {
                lookUp.IsStale = true;
            }

            if (!TryFind(id, out var grant) || token.Version <= grant.Version)
            {
                return;
            }

            grant.Follow(token);
            if (token.IsActive && grant.IsRevoked)
            {
                _grants.Remove(grant);
                _putOut.Remove(id);
            }
        }
    }

    /// <summary>
    /// Something changed of which only the store knows what: nothing that is being looked up can be trusted.
    /// </summary>
    public void DistrustLookUps()
    {
        lock (_lock)
        {
            _unknown.Clear();
            foreach (var lookUp in _lookUps.Values)
            {
                lookUp.IsStale = true;
            }
        }
    }

    /// <summary>The grants that are in memory or in use: all, or those of one project.</summary>
    public IReadOnlyList<Grant> Grants(Guid? projectId = null)
    {
        lock (_lock)
        {
            return [.. _grants.All.Concat(_putOut.All)
                .Where(grant => projectId is not { } id || grant.Project.Id == id)];
        }
    }

    /// <summary>How long until the token, or its project, expires.</summary>
    public TimeSpan LeftOf(Grant grant) => TimeSpan.FromMilliseconds(
        Math.Min(grant.ExpiresAtMilliseconds, grant.Project.ExpiresAtMilliseconds) - _time.Now);

    public bool IsLive(Guid tokenId)
    {
        lock (_lock)
        {
            return TryFind(tokenId, out _);
        }
    }

    private static Admission Refused(string reason) => new(null, Refusal.InvalidToken, reason);

    private Admission Judge(Grant grant)
    {
        if (!grant.WasUsed)
        {
            grant.WasUsed = true;
        }

        return grant.IsRevoked || grant.Project.IsDeleted ? Refused("revoked")
            : grant.ExpiresAtMilliseconds <= _time.Now ? Refused("expired")
            : !grant.Project.IsActive ? new Admission(null, Refusal.ProjectInactive, "project_inactive")
            : grant.Project.ExpiresAtMilliseconds <= _time.Now
                ? new Admission(null, Refusal.ProjectExpired, "project_expired")
                : new Admission(grant, null, null);
    }

    private async ValueTask<Admission> LookUpAndJudgeAsync(TokenHash hash, CancellationToken aborted)
    {
        try
        {
            return await SharedLookUp(hash).WaitAsync(aborted) is { } grant ? Judge(grant) : Refused("unknown");
        }
        catch (StoreUnavailable)
        {
            return new Admission(null, Refusal.StoreUnavailable, "store_unavailable");
        }
    }

    /// <summary>
    /// One look-up at a time for one token, however many ask; whoever leaves does not end it for the others.
    /// </summary>
    private Task<Grant?> SharedLookUp(TokenHash hash)
    {
        lock (_lock)
        {
            if (_lookUps.TryGetValue(hash, out var running))
            {
                return running.Grant;
            }

            if (_lookUps.Count >= LookUpsMax)
            {
                throw new StoreUnavailable("Too many tokens are being looked up.");
            }

            var lookUp = new LookUp();
            _lookUps.Add(hash, lookUp);
            lookUp.Grant = Task.Run(() => LookUpAsync(hash, lookUp));
            return lookUp.Grant;
        }
    }

    private async Task<Grant?> LookUpAsync(TokenHash hash, LookUp lookUp)
    {
        try
        {
            while (true)
            {
                lookUp.IsStale = false;
                var changes = projects.Changes;
                var found = await store.FindWithProjectAsync(hash);
                lock (_lock)
                {
                    if (!lookUp.IsStale && TryRemember(hash, found, changes, out var grant))
                    {
                        return grant;
                    }
                }
            }
        }
        finally
        {
            lock (_lock)
            {
                _lookUps.Remove(hash);
            }
        }
    }

    /// <summary>False when the project changed since <paramref name="changes"/>: all must be read again.</summary>
    private bool TryRemember(TokenHash hash, FoundToken? found, long changes, out Grant? grant)
    {
        grant = null;
        if (found is not { Token: { } token, Project: { } row })
        {
            _unknown.Add(hash);
            return true;
        }

        if (projects.Of(row, changes) is not { } project)
        {
            return false;
        }

        var id = Guid.Parse(token.Id);
        if (_grants.TryFind(id, out grant))
        {
            return true;
        }

        if (_putOut.TryFind(id, out grant))
        {
            _putOut.Remove(id);
        }
        else
        {
            var account = leases.For(AccountId.OfToken(id), token, token.Spent);
            grant = new Grant(token, hash, project, account);
        }

        _grants.Add(grant);
        _order.Enqueue(grant);
        PutOutWhoRests();
        return true;
    }

    private bool TryFind(Guid id, [NotNullWhen(true)] out Grant? grant) =>
        _grants.TryFind(id, out grant) || _putOut.TryFind(id, out grant);

    private void PutOutWhoRests()
    {
        var chances = SecondChancesMax;
        while (_order.Count > GrantsMax)
        {
            var oldest = _order.Dequeue();
            if (oldest is { WasUsed: true, IsRevoked: false } && chances-- > 0)
            {
                oldest.WasUsed = false;
                _order.Enqueue(oldest);
            }
            else if (_grants.Remove(oldest))
            {
                _putOut.Set(oldest.TokenId, oldest);
            }
        }
    }

    /// <summary>A look-up that is under way. What it reads is read again when it became stale meanwhile.</summary>
    private sealed class LookUp
    {
        public Task<Grant?> Grant { get; set; } = Task.FromResult<Grant?>(null);

        public bool IsStale { get; set; }
    }
}
