using LlmProxy.Http;

namespace LlmProxy.Limits;

/// <summary>
/// The one place where limits are applied, before anything is forwarded, whatever the route, the method or the kind of
/// the exchange. A refusal leaves nothing reserved.
/// </summary>
internal static class LimitGate
{
    /// <summary>
    /// A place among the running requests, one request of the minute, and one of those that there are for good: of the
    /// token and of its project. Synchronous while leases last.
    /// </summary>
    public static async ValueTask<Refusal?> EnterAsync(Reservation reservation, CancellationToken aborted)
    {
        var (token, project) = (reservation.Token, reservation.Project);
        Refusal? refusal;
        try
        {
            refusal = token.TryEnter() ?? project.TryEnter()
                ?? await token.TakeRequestAsync(aborted) ?? await project.TakeRequestAsync(aborted);
        }
        catch (OperationCanceledException)
        {
            reservation.Release();
            throw;
        }

        if (refusal is not null)
        {
            reservation.Release();
        }

        return refusal;
    }

    /// <summary>
    /// Reserves the worst case of what a request that has entered may use. When it is refused, a smaller one may be
    /// tried; who gives up releases the reservation.
    /// </summary>
    public static async ValueTask<Refusal?> ReserveAsync(
        Reservation reservation, Demand demand, CancellationToken aborted)
    {
        var refusal = await reservation.Token.ReserveAsync(demand, aborted)
            ?? await reservation.Project.ReserveAsync(demand, aborted);
        if (refusal is not null)
        {
            reservation.Token.Unreserve();
            reservation.Project.Unreserve();
        }

        return refusal;
    }
}
