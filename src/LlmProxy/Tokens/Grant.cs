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
    // One for all grants: it is held for some nanoseconds, and a lock of its own would weigh more than it guards.
    private static readonly Lock Running = new();

    // Guarded by Running. There is a source only while requests run: it weighs 190 bytes, and most tokens rest.
    private CancellationTokenSource? _source;
    private int _runs;

    private volatile bool _isRevoked;
    private long _expiresAt;

    public Grant(StoredToken token, TokenHash hash, Project project, Account account)
    {
        (Hash, Project, Account) = (hash, project, account);
        (_expiresAt, Version) = (token.ExpiresAt, token.Version);
        MayUseCache = token.UseCache;
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

    public bool IsRevoked => _isRevoked;

    /// <summary>Set by each use; the gate clears it to find out who rests.</summary>
    public bool WasUsed { get; set; }

    /// <summary>Whether it may be answered from the cache, and what it is answered may be kept there.</summary>
    public bool MayUseCache { get; private set; }

    /// <summary>The version of the row that this grant says.</summary>
    public long Version { get; private set; }

    /// <summary>
    /// Takes on what a row says. A revoked grant never comes to life again; its token gets a new one.
    /// </summary>
    public void Follow(StoredToken token)
    {
        (Version, MayUseCache) = (token.Version, token.UseCache);
        Interlocked.Exchange(ref _expiresAt, token.ExpiresAt);
        Account.Follow(token, token.Spent);
        if (!token.IsActive)
        {
            Revoke();
        }
    }

    /// <summary>Takes effect at once for new requests; running ones are ended on the thread pool.</summary>
    public void Revoke()
    {
        CancellationTokenSource? source;
        lock (Running)
        {
            _isRevoked = true;
            source = _source;
        }

        _ = source?.CancelAsync();
    }

    /// <summary>Something begins to run under the token, until it is disposed.</summary>
    public GrantRun Run()
    {
        lock (Running)
        {
            if (_isRevoked)
            {
                return new GrantRun(null, new CancellationToken(canceled: true));
            }

            _runs++;
            _source ??= new CancellationTokenSource();
            return new GrantRun(this, _source.Token);
        }
    }

    /// <summary>For <see cref="GrantRun"/>.</summary>
    public void Leave()
    {
        lock (Running)
        {
            if (--_runs == 0)
            {
                _source = null;
            }
        }
    }
}

/// <summary>Something that runs under a token.</summary>
/// <param name="grant">Whose run must be ended; null when there is nothing to end.</param>
/// <param name="revoked">Ends it when the token is revoked.</param>
internal readonly struct GrantRun(Grant? grant, CancellationToken revoked) : IDisposable
{
    public CancellationToken Revoked => revoked;

    public void Dispose() => grant?.Leave();
}
