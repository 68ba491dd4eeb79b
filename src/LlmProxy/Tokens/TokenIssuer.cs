using LlmProxy.Limits;
using LlmProxy.Secrets;

namespace LlmProxy.Tokens;

/// <summary>What management does with tokens: issue, find, list, change, revoke.</summary>
internal sealed class TokenIssuer(
    TokenStore store, TokenHasher hasher, TokenGate gate, LeaseOffice leases, CacheHits hits, TimeProvider clock)
{
    // So many rows are read at a time, so that other readers get their turn.
    private const int ReloadMax = 500;

    public async Task<Issued> IssueAsync(TokenOrder order)
    {
        var (secret, now) = (TokenSecret.Create(), clock.GetUtcNow());
        var token = new StoredToken
        {
            Id = Guid.CreateVersion7(now).ToString(),
            Hash = hasher.Hash(secret.Reveal()).ToString(),
            ProjectId = order.ProjectId.ToString(),
            IsActive = true,
            ExpiresAt = order.ExpiresAt.ToUnixTimeMilliseconds(),
            UseCache = order.UseCache,
            CreatedAt = now.ToUnixTimeMilliseconds(),
            UpdatedAt = now.ToUnixTimeMilliseconds(),
            Version = 1,
        };
        order.Limits.ApplyTo(token);
        var fault = await store.InsertAsync(token);
        if (fault != IssueFault.None)
        {
            return new(null, null, fault);
        }

        gate.Follow(token);
        return new(RowOf(token), secret, IssueFault.None);
    }

    /// <summary>By id, or by the secret itself, which people have at hand.</summary>
    public async Task<TokenRow?> FindAsync(string idOrSecret, CancellationToken aborted)
    {
        await SettleAsync();
        var token = Guid.TryParseExact(idOrSecret, "D", out var id) ? await store.FindAsync(id, aborted)
            : TokenSecret.IsWellFormed(idOrSecret) ? await store.FindAsync(hasher.Hash(idOrSecret), aborted)
            : null;
        return token is null ? null : RowOf(token);
    }

    /// <summary>What a request with this token would be told. Null when there is no such token.</summary>
    public async Task<Admission?> AdmitAsync(Guid id, CancellationToken aborted) =>
        await store.FindAsync(id, aborted) is { } token
            ? await gate.AdmitAsync(TokenHash.Parse(token.Hash), aborted)
            : null;

    /// <summary>Newest first.</summary>
    public async Task<IReadOnlyList<TokenRow>> ListAsync(TokenQuery query, CancellationToken aborted)
    {
        await SettleAsync();
        var tokens = await store.ListAsync(query, clock.GetUtcNow().ToUnixTimeMilliseconds(), aborted);
        return [.. tokens.Select(RowOf)];
    }

    /// <summary>
    /// In force when this returns, here at once and in other instances within a second. Null when there is none.
    /// </summary>
    public async Task<TokenRow?> ChangeAsync(Guid id, TokenChange change)
    {
        await SettleAsync();
        if (await store.ChangeAsync(id, token => Apply(change, token)) is not { } changed)
        {
            return null;
        }

        gate.Follow(changed);
        return RowOf(changed);
    }

    /// <summary>
    /// Refuses the token from now on and ends what runs under it; again is the same. False when there is none.
    /// </summary>
    public async Task<bool> RevokeAsync(Guid id) =>
        await ChangeAsync(id, new TokenChange(IsActive: false, null, null)) is not null;

    /// <summary>Revokes all tokens of a project. Null when there is no such project.</summary>
    public async Task<RevokedTokens?> RevokeAllAsync(Guid projectId)
    {
        var revoked = await store.RevokeAllAsync(projectId, clock.GetUtcNow().ToUnixTimeMilliseconds());
        if (revoked is not null)
        {
            await ReloadProjectAsync(projectId, CancellationToken.None);
        }

        return revoked;
    }

    /// <summary>A token may have changed, elsewhere too: its grant follows what the store says.</summary>
    public async Task ReloadAsync(Guid id, CancellationToken aborted)
    {
        if (gate.IsLive(id))
        {
            await ReloadAsync([.. gate.Grants().Where(grant => grant.TokenId == id)], aborted);
        }
        else
        {
            gate.DistrustLookUps();
        }
    }

    /// <summary>
    /// Tokens of a project may have changed. Each is asked for: one that was issued after the others were revoked
    /// lives.
    /// </summary>
    public Task ReloadProjectAsync(Guid projectId, CancellationToken aborted)
    {
        gate.DistrustLookUps();
        return ReloadAsync(gate.Grants(projectId), aborted);
    }

    /// <summary>Anything may have changed.</summary>
    public Task ReloadAllAsync(CancellationToken aborted)
    {
        gate.DistrustLookUps();
        return ReloadAsync(gate.Grants(), aborted);
    }

    /// <summary>What the store counts is the truth then.</summary>
    private async Task SettleAsync()
    {
        await leases.SettleAsync();
        await hits.FlushAsync();
    }

    private async Task ReloadAsync(IReadOnlyList<Grant> grants, CancellationToken aborted)
    {
        foreach (var some in grants.Chunk(ReloadMax))
        {
            var found = await store.FindAllAsync([.. some.Select(static grant => grant.TokenId)], aborted);
            found.ForEach(gate.Follow);
            var ids = found.Select(static token => Guid.Parse(token.Id)).ToHashSet();
            foreach (var gone in some.Where(grant => !ids.Contains(grant.TokenId)))
            {
                gone.Revoke();
            }
        }
    }

    private void Apply(TokenChange change, StoredToken token)
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        token.UpdatedAt = now;
        token.ExpiresAt = change.ExpiresAt?.ToUnixTimeMilliseconds() ?? token.ExpiresAt;
        token.UseCache = change.UseCache ?? token.UseCache;
        change.Limits?.ApplyTo(token);
        if (change.IsActive is { } isActive && isActive != token.IsActive)
        {
            (token.IsActive, token.RevokedAt) = (isActive, isActive ? null : now);
        }
    }

    private TokenRow RowOf(StoredToken token)
    {
        var id = Guid.Parse(token.Id);
        var (requests, tokens, cost) = leases.UsedOf(AccountId.OfToken(id), token.Spent);
        return new TokenRow(
            id, Guid.Parse(token.ProjectId), token.IsActive, At(token.ExpiresAt), LimitSet.Of(token), requests, tokens,
            cost, token.UseCache, token.CacheHitCount, At(token.CreatedAt), token.LastUsedAt is { } used ? At(used) : null,
            token.RevokedAt is { } revoked ? At(revoked) : null);

        static DateTimeOffset At(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
    }
}
