using LlmProxy.Limits;
using LlmProxy.Projects;
using LlmProxy.Storage;

namespace LlmProxy.Tokens;

/// <summary>What management does with tokens: issue, find, list, change, revoke.</summary>
internal sealed class TokenIssuer(
    Database database, TokenHasherSource hashers, TokenGate gate, LeaseOffice leases, TimeProvider clock)
{
    // The highest text that an id can have, for a list from its beginning.
    private const string AfterEverything = "g";

    /// <summary>Makes a token. <paramref name="maxRequests"/> null means no limit.</summary>
    public async Task<Issued> IssueAsync(Guid projectId, TimeSpan lifetime, long? maxRequests)
    {
        var (secret, now) = (TokenSecret.Create(), clock.GetUtcNow());
        var hash = hashers.Hasher.Hash(secret.Reveal());
        var token = new StoredToken
        {
            Id = Guid.CreateVersion7(now).ToString(),
            Hash = hash.ToArray(),
            ProjectId = projectId.ToString(),
            IsActive = true,
            ExpiresAt = (now + lifetime).ToUnixTimeMilliseconds(),
            MaxRequests = maxRequests,
            CreatedAt = now.ToUnixTimeMilliseconds(),
            UpdatedAt = now.ToUnixTimeMilliseconds(),
        };
        var fault = await database.WriteAsync((connection, transaction) =>
        {
            switch (ProjectStore.Find(connection, token.ProjectId))
            {
                case null:
                    return IssueFault.ProjectNotFound;
                case { IsActive: false }:
                    return IssueFault.ProjectInactive;
                default:
                    TokenStore.Insert(connection, transaction, token);
                    return IssueFault.None;
            }
        });
        gate.Forget(hash);
        return fault == IssueFault.None ? new(RowOf(token), secret, fault) : new(null, null, fault);
    }

    /// <summary>By id, or by the secret itself, which people have at hand.</summary>
    public async Task<TokenRow?> FindAsync(string idOrSecret, CancellationToken aborted)
    {
        var token = await database.ReadAsync(connection =>
            Guid.TryParseExact(idOrSecret, "D", out var id) ? TokenStore.Find(connection, id.ToString())
            : TokenSecret.IsWellFormed(idOrSecret)
                ? TokenStore.FindHash(connection, hashers.Hasher.Hash(idOrSecret).ToArray())
            : null, aborted);
        return token is null ? null : RowOf(token);
    }

    /// <summary>Newest first.</summary>
    public async Task<IReadOnlyList<TokenRow>> ListAsync(TokenQuery query, CancellationToken aborted)
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var tokens = await database.ReadAsync(connection => TokenStore.List(
            connection, query.ProjectId?.ToString(), query.ActiveOnly, now,
            query.Before?.ToString() ?? AfterEverything, query.Limit), aborted);
        return [.. tokens.Select(RowOf)];
    }

    /// <summary>Null when there is no such token.</summary>
    public async Task<TokenRow?> ChangeAsync(Guid id, TokenChange change)
    {
        StoredToken? changed = null;
        await gate.ChangeAsync(async () =>
        {
            var allowance = gate.TryFind(id, out var grant) ? grant.Allowance : leases.For(id, isLimited: true);
            await allowance.ChangeAsync(async unspent =>
            {
                changed = await database.WriteAsync((connection, transaction) =>
                {
                    if (TokenStore.Find(connection, id.ToString()) is not { } token)
                    {
                        return null;
                    }

                    Apply(change, token, unspent);
                    TokenStore.Update(connection, transaction, token);
                    ChangeStore.Note(connection, transaction, ChangeStore.Token, token.Id);
                    return token;
                });
                return changed is null ? null : changed.MaxRequests is not null;
            });
            return true;
        });
        if (changed is not null)
        {
            Spread(changed);
        }

        return changed is null ? null : RowOf(changed);
    }

    /// <summary>Ends a token for good; again is the same. False when there is no such token.</summary>
    public async Task<bool> RevokeAsync(Guid id) =>
        await ChangeAsync(id, new TokenChange(IsActive: false, null, null)) is not null;

    /// <summary>Ends all tokens of a project. Null when there is no such project.</summary>
    public async Task<RevokedTokens?> RevokeAllAsync(Guid projectId)
    {
        var (id, now) = (projectId.ToString(), clock.GetUtcNow().ToUnixTimeMilliseconds());
        var outcome = await gate.ChangeAsync(() => database.WriteAsync((connection, transaction) =>
        {
            if (ProjectStore.Find(connection, id) is null)
            {
                return null;
            }

            var revoked = TokenStore.IdsOf(connection, id, isActive: true);
            var before = TokenStore.IdsOf(connection, id, isActive: false).Count;
            TokenStore.RevokeAllOf(connection, transaction, id, now);
            ChangeStore.Note(connection, transaction, ChangeStore.Tokens, id);
            return new RevokedTokens(revoked.Count, before);
        }));
        if (outcome is not null)
        {
            EndAllOf(projectId);
        }

        return outcome;
    }

    /// <summary>Ends what runs under a project's tokens, which are revoked or gone in the store.</summary>
    public void EndAllOf(Guid projectId)
    {
        foreach (var grant in gate.GrantsOf(projectId))
        {
            gate.End(grant.TokenId);
        }
    }

    /// <summary>Another instance changed a token: the grant in memory follows.</summary>
    public async Task ReloadAsync(Guid id, CancellationToken aborted)
    {
        if (!gate.TryFind(id, out _))
        {
            return;
        }

        var token = await database.ReadAsync(connection => TokenStore.Find(connection, id.ToString()), aborted);
        if (token is null)
        {
            gate.End(id);
            return;
        }

        if (gate.TryFind(id, out var grant))
        {
            await grant.Allowance.ChangeAsync(async unspent =>
            {
                await leases.TryCountAsync(id, -unspent);
                return token.MaxRequests is not null;
            });
        }

        Spread(token);
    }

    private void Apply(TokenChange change, StoredToken token, long unspent)
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        token.RequestCount = Math.Max(0, token.RequestCount - unspent);
        token.UpdatedAt = now;
        token.ExpiresAt = change.ExpiresAt?.ToUnixTimeMilliseconds() ?? token.ExpiresAt;
        token.MaxRequests = change.MaxRequests switch { null => token.MaxRequests, 0 => null, var limit => limit };
        if (change.IsActive is { } isActive && isActive != token.IsActive)
        {
            (token.IsActive, token.RevokedAt) = (isActive, isActive ? null : now);
        }
    }

    private void Spread(StoredToken token)
    {
        var id = Guid.Parse(token.Id);
        if (!token.IsActive)
        {
            gate.End(id);
        }
        else if (gate.TryFind(id, out var grant))
        {
            grant.ExpiresAt = DateTimeOffset.FromUnixTimeMilliseconds(token.ExpiresAt);
        }
        else
        {
            gate.Forget(TokenHash.Of(token.Hash));
        }
    }

    private TokenRow RowOf(StoredToken token)
    {
        var id = Guid.Parse(token.Id);
        return new TokenRow(
            id, Guid.Parse(token.ProjectId), token.IsActive, At(token.ExpiresAt), token.MaxRequests,
            Math.Max(0, token.RequestCount - leases.UnspentOf(id)), At(token.CreatedAt),
            token.LastUsedAt is { } used ? At(used) : null, token.RevokedAt is { } revoked ? At(revoked) : null);

        static DateTimeOffset At(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
    }
}
