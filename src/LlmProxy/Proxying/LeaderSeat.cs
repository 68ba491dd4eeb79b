using LlmProxy.Caching;

namespace LlmProxy.Proxying;

/// <summary>
/// The place of the one who makes the call. It is given up when its client is gone or its token revoked, which ends the
/// call only if nobody else waits for the answer.
/// </summary>
internal sealed class LeaderSeat : IDisposable
{
    private readonly Flight _flight;
    private readonly CancellationTokenRegistration _onClientGone;
    private readonly CancellationTokenRegistration _onRevoked;
    private int _isEmpty;

    public LeaderSeat(Flight flight, CancellationToken clientGone, CancellationToken revoked)
    {
        _flight = flight;
        _onClientGone = clientGone.UnsafeRegister(static seat => ((LeaderSeat)seat!).Leave(), this);
        _onRevoked = revoked.UnsafeRegister(static seat => ((LeaderSeat)seat!).Leave(), this);
    }

    /// <summary>Its client wants nothing any more. Only the first call counts.</summary>
    public void Leave()
    {
        if (Interlocked.Exchange(ref _isEmpty, 1) == 0)
        {
            _flight.Leave();
        }
    }

    public void Dispose()
    {
        _onClientGone.Dispose();
        _onRevoked.Dispose();
        Leave();
    }
}
