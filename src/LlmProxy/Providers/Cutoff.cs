using System.Collections.Concurrent;

namespace LlmProxy.Providers;

/// <summary>Why an exchange was ended before its end.</summary>
internal enum CutoffReason
{
    /// <summary>A time limit of the provider ran out.</summary>
    Timeout,

    /// <summary>The client closed its connection.</summary>
    ClientGone,

    /// <summary>The token was revoked while the exchange ran.</summary>
    Revoked,
}

/// <summary>
/// Everything that may end an exchange early, as one token: the client leaving, the token being revoked, and one
/// timer that is set anew for each phase. Belongs to one request; its source goes back to a pool.
/// </summary>
internal sealed class Cutoff : IDisposable
{
    // A source with its timer costs about 200 bytes and a timer registration; most are never triggered and can serve
    // again.
    private const int PooledMax = 1_024;
    private static readonly ConcurrentQueue<CancellationTokenSource> Pool = new();

    private readonly CancellationToken _clientGone;
    private readonly CancellationToken _revoked;
    private readonly CancellationTokenRegistration _onClientGone;
    private readonly CancellationTokenRegistration _onRevoked;
    private readonly TimeProvider _clock;
    private readonly long _ends;
    private CancellationTokenSource _source;

    /// <summary><paramref name="total"/> limits all phases together, until <see cref="WithinEach"/> lifts it.</summary>
    public Cutoff(TimeSpan total, TimeProvider clock, CancellationToken clientGone, CancellationToken revoked)
    {
        _source = Pool.TryDequeue(out var pooled) ? pooled : new CancellationTokenSource();
        (_clientGone, _revoked, _clock) = (clientGone, revoked, clock);
        _ends = clock.GetTimestamp() + (long)(total.TotalSeconds * clock.TimestampFrequency);
        _onClientGone = clientGone.UnsafeRegister(Trigger, _source);
        _onRevoked = revoked.UnsafeRegister(Trigger, _source);
    }

    public CancellationToken Token => _source.Token;

    public bool IsTriggered => _source.IsCancellationRequested;

    /// <summary>Meaningful once <see cref="IsTriggered"/>.</summary>
    public CutoffReason Reason =>
        _revoked.IsCancellationRequested ? CutoffReason.Revoked
        : _clientGone.IsCancellationRequested ? CutoffReason.ClientGone
        : CutoffReason.Timeout;

    /// <summary>From now on <paramref name="phase"/> may pass, and no more than is left of the total.</summary>
    public void Within(TimeSpan phase)
    {
        var left = _clock.GetElapsedTime(_clock.GetTimestamp(), _ends);
        _source.CancelAfter(left <= TimeSpan.Zero ? TimeSpan.Zero : left < phase ? left : phase);
    }

    /// <summary>From now on <paramref name="phase"/> may pass, whatever the total says: streams have none.</summary>
    public void WithinEach(TimeSpan phase) => _source.CancelAfter(phase);

    public void Dispose()
    {
        _onClientGone.Dispose();
        _onRevoked.Dispose();
        if (Pool.Count < PooledMax && _source.TryReset())
        {
            Pool.Enqueue(_source);
        }
        else
        {
            _source.Dispose();
        }

        // Whoever still holds the token after this must not end somebody else's exchange.
        _source = null!;
    }

#pragma warning disable MA0045 // A registration's callback is synchronous, and what it ends must end now.
    private static void Trigger(object? source) => ((CancellationTokenSource)source!).Cancel();
#pragma warning restore MA0045
}
