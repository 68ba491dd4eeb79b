using System.Globalization;
using LlmProxy.Http;
using LlmProxy.Limits;
using LlmProxy.Providers;
using LlmProxy.Tokens;
using LlmProxy.Usage.Counting;
using LlmProxy.Usage.Reading;

namespace LlmProxy.Proxying;

/// <summary>
/// Step 6 of the pipeline: one request to the provider and its answer back, with every way in which that can fail.
/// Until the answer has begun a failure is a <see cref="Refusal"/>; after that nobody can say anything any more, so the
/// client's connection is aborted, which no client can mistake for the end of the answer.
/// </summary>
internal sealed class Forwarding(
    Exchange exchange, ProviderRoute route, Grant grant, RequestJudge judge, ExchangeMeter meter, TimeProvider clock)
{
    public async Task<Refusal?> RunAsync(ProviderClient client)
    {
        var http = exchange.Http;
        var timeouts = route.Provider.Timeouts;
        using var run = grant.Run();
        using var cutoff = new Cutoff(timeouts.Request, clock, http.RequestAborted, run.Revoked);
        cutoff.Within(timeouts.ResponseHeader);
        exchange.Capture = RequestJudge.MustCapture(exchange) ? new BodyCapture() : null;
        using var upload = UploadContent.IsNeededFor(http.Request)
            ? new UploadContent(exchange, cutoff, timeouts.ResponseHeader, clock)
            : null;
        using var request = UpstreamRequest.Create(exchange, route, grant.Project.ProviderKey, upload);

        HttpResponseMessage answer;
        exchange.SentUpstream = clock.GetTimestamp();
        try
        {
            answer = await client.SendAsync(request, cutoff.Token);
        }
        catch (Exception failure) when (failure is HttpRequestException or IOException or OperationCanceledException
            or BadHttpRequestException)
        {
            return RefusalFor(failure, cutoff, upload);
        }

        using (answer)
        {
            exchange.AnsweredUpstream = clock.GetTimestamp();
            return await RelayAsync(answer, cutoff);
        }
    }

    private async Task<Refusal?> RelayAsync(HttpResponseMessage answer, Cutoff cutoff)
    {
        var upgradeWasAsked = WebSocketUpgrade.IsAskedBy(exchange.Http);
        if (!AnswerRelay.IsValid(answer, upgradeWasAsked))
        {
            return Refusal.UpstreamInvalid;
        }

        AnswerRelay.CopyHead(answer, exchange);
        var response = exchange.Http.Response;
        LimitHeaders.Write(response.Headers, grant.Account, grant.Project.Account, exchange.ExpiresIn);
        Cors.Mark(response, exchange.Http.Request, route.Provider);
        response.Headers.Append("Server-Timing", OwnTime());
        if (exchange.Operation.Metering != Metering.Free && answer.IsSuccessStatusCode)
        {
            exchange.Answer = AnswerReader.For(
                ContentHeader(answer, "Content-Type"), ContentHeader(answer, "Content-Encoding"));
        }

        try
        {
            await (answer.StatusCode == System.Net.HttpStatusCode.SwitchingProtocols
                ? new UpgradeRelay(exchange, cutoff, judge, meter).RunAsync(answer, route.Provider.Timeouts)
                : AnswerRelay.CopyBodyAsync(answer, exchange, cutoff, route.Provider.Timeouts));
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

    /// <summary>
    /// Our own share of the time so far, as a Server-Timing entry (W3C): milliseconds without the provider's.
    /// </summary>
    private string OwnTime()
    {
        var own = clock.GetElapsedTime(exchange.Started)
            - clock.GetElapsedTime(exchange.SentUpstream, exchange.AnsweredUpstream);
        return string.Create(CultureInfo.InvariantCulture, $"llm-proxy;dur={own.TotalMilliseconds:0.000}");
    }

    private static Outcome OutcomeOf(Cutoff cutoff) => !cutoff.IsTriggered ? Outcome.Truncated : cutoff.Reason switch
    {
        CutoffReason.ClientGone => Outcome.ClientGone,
        CutoffReason.Revoked => Outcome.Revoked,
        _ => Outcome.TimedOut,
    };

    private Refusal RefusalFor(Exception failure, Cutoff cutoff, UploadContent? upload)
    {
        if (NothingWasSent(failure))
        {
            exchange.SentUpstream = 0;
        }

        // For a client that is gone the answer does not matter: the pipeline writes none.
        if (cutoff.IsTriggered && cutoff.Reason != CutoffReason.Timeout)
        {
            exchange.Reason = cutoff.Reason == CutoffReason.Revoked ? "revoked" : null;
            return Refusal.InvalidToken;
        }

        if (upload?.ClientFault is { } fault)
        {
            return fault;
        }

        return failure switch
        {
            OperationCanceledException => Refusal.UpstreamTimeout,
            HttpRequestException
            {
                HttpRequestError: HttpRequestError.InvalidResponse or HttpRequestError.ConfigurationLimitExceeded
            } => Refusal.UpstreamInvalid,
            _ => Refusal.UpstreamUnreachable,
        };
    }

    /// <summary>No connection came about, so the provider has seen nothing and the allowance is not touched.</summary>
    private static bool NothingWasSent(Exception failure) => failure is HttpRequestException
    {
        HttpRequestError: HttpRequestError.NameResolutionError or HttpRequestError.ConnectionError
            or HttpRequestError.SecureConnectionError
    } or OperationCanceledException { InnerException: TimeoutException };
}
