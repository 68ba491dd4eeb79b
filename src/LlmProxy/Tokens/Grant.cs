using LlmProxy.Limits;
using LlmProxy.Projects;
using LlmProxy.Secrets;

namespace LlmProxy.Tokens;

/// <summary>
/// What a token permits, as held in memory. There is one a token in a process, so that revoking it is seen by every
/// request that runs under it. Written by <see cref="TokenGate"/> under its lock, read by requests.
/// </summary>
#pragma warning disable CA1001 // It has neither timer nor wait handle, and a request may look at its token at any time.
internal sealed class Grant
#pragma warning restore CA1001
{
    private readonly CancellationTokenSource _revoked = new();
    private long _expiresAt;

    public Grant(StoredToken token, TokenHash hash, Project project, Account account)
    {
        (Hash, Project, Account) = (hash, project, account);
        (_expiresAt, Version) = (token.ExpiresAt, token.Version);
        if (!token.IsActive)
        {
            Revoke();
        }
    }

    public Guid TokenId => Account.Id.Id;

    public TokenHash Hash { get; }

    public Project Project { get; }

    /// <summary>What the token may still spend.</summary>
    public Account Account { get; }

    public DateTimeOffset ExpiresAt => DateTimeOffset.FromUnixTimeMilliseconds(ExpiresAtMilliseconds);

    public long ExpiresAtMilliseconds => Interlocked.Read(ref _expiresAt);

    /// <summary>Ends what runs under the token.</summary>
    public CancellationToken Revoked => _revoked.Token;

    public bool IsRevoked => _revoked.IsCancellationRequested;

    /// <summary>Set by each use; the gate clears it to find out who rests.</summary>
    public bool WasUsed { get; set; }

    /// <summary>The version of the row that this grant says.</summary>
    public long Version { get; private set; }

    /// <summary>
    /// Takes on what a row says. A revoked grant never comes to life again; its token gets a new one.
    /// </summary>
    public void Follow(StoredToken token)
    {
        Version = token.Version;
        Interlocked.Exchange(ref _expiresAt, token.ExpiresAt);
        Account.Follow(token, token.Spent);
        if (!token.IsActive)
        {
            Revoke();
        }
    }

    /// <summary>Takes effect at once for new requests; running ones are ended on the thread pool.</summary>
    public void Revoke() => _ = _revoked.CancelAsync();
}
