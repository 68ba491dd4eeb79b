using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LlmProxy.Http;
using LlmProxy.Providers;
using LlmProxy.Tokens;
using LlmProxy.Usage.Counting;
using LlmProxy.Usage.Reading;
using Polly.CircuitBreaker;

namespace LlmProxy.Proxying;

/// <summary>
/// Step 6 of the pipeline: one request to the provider and its answer back, with every way in which that can fail.
/// Until the answer has begun a failure is a <see cref="Refusal"/>; after that nobody can say anything any more, so the
/// client's connection is aborted, which no client can mistake for the end of the answer.
/// </summary>
internal sealed class Forwarding(
    Exchange exchange, ProviderRoute route, Grant grant, RequestJudge judge, ExchangeMeter meter, CacheFill fill,
    TimeProvider clock)
{
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<Refusal?> RunAsync(ProviderClient client)
    {
        using var run = grant.Run();
        if (exchange.Cache is not { Flight: { } flight } wish)
        {
            return (await AskAsync(client, run.Revoked, exchange.Http.RequestAborted, run.Revoked)).Refusal;
        }

        // Others may wait for this answer: then the call does not end with who makes it.
        using var seat = new LeaderSeat(flight, exchange.Http.RequestAborted, run.Revoked);
        var end = await AskAsync(client, run.Revoked, flight.Abandoned, CancellationToken.None);
        if (end.MustAskAnew)
        {
            end = await AskAsync(client, run.Revoked, flight.Abandoned, CancellationToken.None);
        }

        return end.MustAskAnew ? Refusal.UpstreamInvalid : end.Refusal;
    }

    /// <summary>Asks the provider once.</summary>
    /// <param name="client">The way to it.</param>
    /// <param name="revoked">The token was revoked.</param>
    /// <param name="callIsUnwanted">Ends the call, since nobody wants its answer.</param>
    /// <param name="callIsRevoked">Ends the call, since the token was revoked.</param>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<CallEnd> AskAsync(
        ProviderClient client, CancellationToken revoked, CancellationToken callIsUnwanted,
        CancellationToken callIsRevoked)
    {
        var timeouts = route.Provider.Timeouts;
        using var cutoff = new Cutoff(timeouts.Request, clock, callIsUnwanted, callIsRevoked);
        cutoff.Within(timeouts.ResponseHeader);
        exchange.Capture ??= RequestJudge.MustCapture(exchange) ? new BodyCapture() : null;
        using var call = new UpstreamCall(exchange, route, grant, cutoff, clock);
        HttpResponseMessage answer;
        fill.Sending(exchange.Cache);
        try
        {
            answer = await call.SendAsync(client);
        }
        catch (Exception failure) when (failure is HttpRequestException or IOException or OperationCanceledException
            or BadHttpRequestException or BrokenCircuitException)
        {
            var refusal = RefusalFor(failure, cutoff, call.Upload, revoked);
            var isUnreachable = refusal == Refusal.UpstreamUnreachable || refusal == Refusal.UpstreamTimeout
                || refusal.Code == Refusal.UpstreamSuspended.Code;
            return isUnreachable && await fill.TryStandInAsync(exchange, grant, route, isUnreachable: true)
                ? default
                : new CallEnd(refusal);
        }

        using (answer)
        {
            exchange.AnsweredUpstream = clock.GetTimestamp();
            return await RelayAsync(answer, cutoff, revoked);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<CallEnd> RelayAsync(HttpResponseMessage answer, Cutoff cutoff, CancellationToken revoked)
    {
        var upgradeWasAsked = WebSocketUpgrade.IsAskedBy(exchange.Http);
        if (!AnswerRelay.IsValid(answer, upgradeWasAsked))
        {
            return new CallEnd(Refusal.UpstreamInvalid);
        }

        if (exchange.Operation.Metering != Metering.Free && answer.IsSuccessStatusCode)
        {
            exchange.Answer = AnswerReader.For(
                ContentHeader(answer, "Content-Type"), ContentHeader(answer, "Content-Encoding"));
        }

        var taken = await fill.TakeAsync(answer, exchange, grant, route, cutoff, revoked);
        if (taken != FillEnd.ForTheClient)
        {
            return new CallEnd(null, MustAskAnew: taken == FillEnd.AskAnew);
        }

        AnswerRelay.CopyHead(answer, exchange);
        CacheMarks.Forwarded(exchange);
        AnswerMarks.Write(exchange, grant, route, clock);
        return new CallEnd(await RelayBodyAsync(answer, cutoff));
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<Refusal?> RelayBodyAsync(HttpResponseMessage answer, Cutoff cutoff)
    {
        var response = exchange.Http.Response;
        try
        {
            if (answer.StatusCode == System.Net.HttpStatusCode.SwitchingProtocols)
            {
                await new UpgradeRelay(exchange, cutoff, judge, meter).RunAsync(answer, route.Provider.Timeouts);
            }
            else
            {
                await AnswerRelay.CopyBodyAsync(answer, exchange, cutoff, route.Provider.Timeouts);
            }
        }
        catch (Exception failure) when (failure is HttpRequestException or IOException or OperationCanceledException)
        {
            if (!response.HasStarted && !(cutoff.IsTriggered && cutoff.Reason != CutoffReason.Timeout))
            {
                // Nothing of the answer is out yet, so there is still something better than silence.
                response.Clear();
                return cutoff.IsTriggered ? Refusal.UpstreamTimeout : Refusal.UpstreamInvalid;
            }

            exchange.Outcome = OutcomeOf(cutoff);
            exchange.Http.Abort();
        }

        return null;
    }

    private static string? ContentHeader(HttpResponseMessage answer, string name) =>
        answer.Content.Headers.NonValidated.TryGetValues(name, out var values) ? values.ToString() : null;

    /// <summary>How an exchange ended whose answer broke off.</summary>
    public static Outcome OutcomeOf(Cutoff cutoff) => !cutoff.IsTriggered ? Outcome.Truncated : cutoff.Reason switch
    {
        CutoffReason.ClientGone => Outcome.ClientGone,
        CutoffReason.Revoked => Outcome.Revoked,
        _ => Outcome.TimedOut,
    };

    private Refusal RefusalFor(
        Exception failure, Cutoff cutoff, UploadContent? upload, CancellationToken revoked)
    {
        if (failure is BrokenCircuitException suspended)
        {
            exchange.SentUpstream = 0;
            return suspended.RetryAfter is { } wait
                ? Refusal.UpstreamSuspended with { RetryAfter = wait }
                : Refusal.UpstreamSuspended;
        }

        if (UpstreamCall.NothingWasSent(failure))
        {
            exchange.SentUpstream = 0;
        }

        // For a client that is gone the answer does not matter: the pipeline writes none.
        if (cutoff.IsTriggered && cutoff.Reason != CutoffReason.Timeout)
        {
            exchange.Reason = revoked.IsCancellationRequested ? "revoked" : null;
            return Refusal.InvalidToken;
        }

        if (upload?.ClientFault is { } fault)
        {
            return fault;
        }

        return failure switch
        {
            OperationCanceledException or ProviderTimeoutException => Refusal.UpstreamTimeout,
            HttpRequestException
            {
                HttpRequestError: HttpRequestError.InvalidResponse or HttpRequestError.ConfigurationLimitExceeded
            } => Refusal.UpstreamInvalid,
            _ => Refusal.UpstreamUnreachable,
        };
    }
}

/// <summary>How a call to the provider ended.</summary>
/// <param name="Refusal">The client gets this; null when it has an answer.</param>
/// <param name="MustAskAnew">The client has none, and the provider must be asked without conditions.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct CallEnd(Refusal? Refusal, bool MustAskAnew = false);
