using System.Net.WebSockets;
using LlmProxy.Simulator.Wire;

namespace LlmProxy.Simulator;

/// <summary>What every request meets first: the counters, the faults it asks for, and the question for a key.</summary>
internal sealed class SimulatorFront(SimulatorRoutes routes, Traffic traffic, Bill bill, TimeProvider clock)
{
    private const string BearerScheme = "Bearer ";
    private const string RefusedKey = "invalid";

    // Makes the request ids. Interlocked only.
    private long _served;

    public async Task ServeAsync(HttpContext http)
    {
        var isUnderstood = Faults.TryRead(http.Request.Headers, out var faults, out var culprit);
        var number = Interlocked.Increment(ref _served);
        var call = new SimulatedCall(http, isUnderstood ? faults : Faults.None, number, bill, clock);
        if (call.Path is SimulatorRoutes.Stats or SimulatorRoutes.Bill)
        {
            await routes.AnswerAsync(call);
            return;
        }

        traffic.Begin();
        var startedAt = clock.GetUtcNow();
        var isComplete = false;
        try
        {
            await (isUnderstood ? AdmitAsync(call) : call.RefuseAsync(ApiError.InvalidFault(culprit)));
            isComplete = true;
        }
        catch (Exception failure) when (IsEndOfConnection(failure))
        {
            // Without this, what was sent so far would be ended as if it were whole.
            http.Abort();
        }
        finally
        {
            // Kestrel finds the head of the next request behind this one, when it is done with the body.
            http.Features.Get<ObservedConnection>()?.ForgetHead();
            await call.Reply.DisposeAsync();
            Count(call, startedAt, isComplete);
        }
    }

    private Task AdmitAsync(SimulatedCall call)
    {
        if (call.Faults.Status is { } status)
        {
            return RefuseAsAskedAsync(call, status);
        }

        return CredentialOf(call) switch
        {
            "" => call.RefuseAsync(ApiError.MissingCredential),
            RefusedKey => call.RefuseAsync(ApiError.InvalidCredential),
            _ => routes.AnswerAsync(call),
        };
    }

    private static Task RefuseAsAskedAsync(SimulatedCall call, int status)
    {
        if (status == StatusCodes.Status429TooManyRequests)
        {
            call.Response.Headers.RetryAfter = "1";
        }

        return call.RefuseAsync(ApiError.OfStatus(status));
    }

    private static string CredentialOf(SimulatedCall call)
    {
        var authorization = call.Request.Headers.Authorization.ToString();
        return authorization.StartsWith(BearerScheme, StringComparison.OrdinalIgnoreCase)
            ? authorization[BearerScheme.Length..].Trim()
            : call.Header("x-api-key") ?? "";
    }

    private static bool IsEndOfConnection(Exception failure) =>
        failure is OperationCanceledException or WebSocketException
        || failure is IOException and not BadHttpRequestException;

    private void Count(SimulatedCall call, DateTimeOffset startedAt, bool isComplete)
    {
        call.Settle(isComplete);
        if (isComplete)
        {
            traffic.Complete();
        }
        else if (call.Reply.WasCut)
        {
            traffic.EndCut();
        }
        else
        {
            traffic.EndAborted(new(call.Request.Method, call.Path, startedAt, clock.GetUtcNow()));
        }
    }
}
