using LlmProxy.Limits;
using LlmProxy.Projects;

namespace LlmProxy.Tokens;

/// <summary>
/// What a live token permits, as held in memory. There is one a token in a process, so that revoking it is seen by every
/// request that runs under it.
/// </summary>
internal sealed class Grant(Guid tokenId, TokenHash hash, Project project, DateTimeOffset expiresAt, Allowance allowance)
    : IDisposable
{
    private readonly CancellationTokenSource _revoked = new();

    // Ticks in UTC; written by management, read by requests.
    private long _expiresAt = expiresAt.UtcTicks;
    private volatile bool _hasExpired;

    public Guid TokenId => tokenId;

    public TokenHash Hash => hash;

    public Project Project => project;

    public Allowance Allowance => allowance;

    public DateTimeOffset ExpiresAt
    {
        get => new(Interlocked.Read(ref _expiresAt), TimeSpan.Zero);
        set
        {
            Interlocked.Exchange(ref _expiresAt, value.UtcTicks);
            _hasExpired = false;
        }
    }

    /// <summary>Ends what runs under the token.</summary>
    public CancellationToken Revoked => _revoked.Token;

    public bool IsRevoked => _revoked.IsCancellationRequested;

    /// <summary>Set by each use; the gate clears it to find out who rests.</summary>
    public bool WasUsed { get; set; }

    /// <summary>Once expired, always expired: a clock that jumps back revives nothing.</summary>
    public bool HasExpiredAt(DateTimeOffset now)
    {
        if (!_hasExpired && now.UtcTicks >= Interlocked.Read(ref _expiresAt))
        {
            _hasExpired = true;
        }

        return _hasExpired;
    }

    /// <summary>Takes effect at once for new requests; running ones are ended on the thread pool.</summary>
    public void Revoke() => _ = _revoked.CancelAsync();

    public void Dispose() => _revoked.Dispose();
}
