using System.Runtime.CompilerServices;
using LlmProxy.Http;
using LlmProxy.Limits;
using LlmProxy.Providers;
using LlmProxy.Tokens;

namespace LlmProxy.Proxying;

/// <summary>The life of one proxied request, in order. Read the program from here.</summary>
/// <remarks>
/// <code>
///  caller ─► 1 identify ─► 2 admit ─► 3 route ─► 4 judge ─► 5 cache ─► 6 reserve ─► 7 forward
///                             │          │          │          │           │            │
///                             └──────────┴─ refusal ┴──────────┴── hit ────┴────────────┴─► 8 settle
/// </code>
/// Each step lets the request pass or ends it with a <see cref="Refusal"/>. What passes reaches the provider byte for
/// byte, and so does the answer on its way back.
/// </remarks>
internal sealed class ProxyPipeline(
    ProviderTable providers,
    TokenGate tokens,
    BodyJudge bodies,
    ProviderClients clients,
    ConcurrencyLimit concurrency,
    AddressLimit addresses,
    RequestJudge judge,
    CacheStep cache,
    CacheFill fill,
    ExchangeMeter meter,
    Recorder recorder,
    TimeProvider clock)
{
    public async Task HandleAsync(HttpContext http, RequestTarget target)
    {
        // 1. Identify. The id was given at the front gate; from here on everything is measured.
        var exchange = new Exchange(http, target, clock) { Recording = recorder.Begin() };
        try
        {
            var refusal = await ServeAsync(exchange);
            if (refusal is not null)
            {
                await RefuseAsync(exchange, refusal);
            }
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            exchange.Outcome = Outcome.ClientGone;
        }
        catch
        {
            (exchange.Refusal, exchange.Outcome) = (Refusal.InternalError, Outcome.Refused);
            throw;
        }
        finally
        {
            // 8. Settle, however it ended. The caller has the answer, so this neither waits nor throws.
            Settle(exchange);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<Refusal?> ServeAsync(Exchange exchange)
    {
        var http = exchange.Http;
        var route = providers.Find(exchange.Target);
        exchange.Route = route;

        // A preflight carries no credential (Fetch, "CORS-preflight request"), so it is answered before anybody asks
        // for one.
        if (Cors.IsPreflight(http.Request))
        {
            exchange.Recording = null;
            await Cors.AnswerPreflightAsync(http, route);
            return null;
        }

        // 2. Who is asking? Nothing about the request is judged before that is known.
        if (await AdmitAsync(exchange, route) is { } rejection)
        {
            return rejection;
        }

        var grant = exchange.Grant!;

        // 3. Where does this path lead?
        if (route is not { } destination)
        {
            return Refusal.UnknownEndpoint;
        }

        // 4. Is this what the provider's rules allow? A body is read only when a rule needs it, and only in a place of
        // the limit that bounds how many there can be.
        if (RequestJudge.JudgeHead(exchange, grant, destination) is { } objection)
        {
            return objection;
        }

        using var place = concurrency.TryEnter();
        if (!place.IsTaken)
        {
            return Refusal.Overloaded;
        }

        exchange.Cache = cache.Open(exchange, grant, destination);
        return await judge.JudgeBodyAsync(exchange, grant, destination.Provider.Rules)
            ?? await AnswerAsync(exchange, grant, destination);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<Refusal?> AnswerAsync(Exchange exchange, Grant grant, ProviderRoute destination)
    {
        // 5. Is the answer here already, or on its way to somebody else of the project? Then it costs nothing.
        var wish = exchange.Cache;
        var found = wish is null
            ? CacheStepEnd.AskProvider
            : await cache.TryServeAsync(exchange, wish, grant, destination);
        if (found != CacheStepEnd.AskProvider)
        {
            return CacheStep.RefusalFor(found);
        }

        try
        {
            // 6. May they still spend? A request, and the worst case of what it may use.
            return await judge.ReserveAsync(exchange, grant)

                // 7. Ask the provider, with the project's key in place of the caller's token, and bring back what it
                // answers.
                ?? await new Forwarding(exchange, destination, grant, judge, meter, fill, clock)
                    .RunAsync(clients.For(destination.Provider));
        }
        finally
        {
            if (wish is not null)
            {
                cache.Close(wish);
            }
        }
    }

    private async ValueTask<Refusal?> AdmitAsync(Exchange exchange, ProviderRoute? route)
    {
        // One address may ask too often already, so that guessing tokens is no load either.
        var http = exchange.Http;
        var take = addresses.Take(exchange.Client);
        if (!take.IsTaken)
        {
            return LimitRefusals.For(take);
        }

        var admission = await tokens.AdmitAsync(ClientCredential.Of(http.Request, route) ?? "", http.RequestAborted);
        if (admission.Grant is not { } grant)
        {
            AddressLimit.GiveBackOfAll(take);
            exchange.Reason = admission.Reason;
            return admission.Refusal;
        }

        (exchange.Grant, exchange.ExpiresIn) = (grant, tokens.LeftOf(grant));
        exchange.Recording?.Admit(grant.Project.CaptureBodies);
        return null;
    }

    private static async Task RefuseAsync(Exchange exchange, Refusal refusal)
    {
        var http = exchange.Http;
        if (http.RequestAborted.IsCancellationRequested)
        {
            exchange.Outcome = Outcome.ClientGone;
            return;
        }

        (exchange.Refusal, exchange.Outcome) = (refusal, Outcome.Refused);
        http.Response.Headers[RequestId.Header] = exchange.RequestId;
        http.Response.Headers[RequestId.CommonHeader] = exchange.RequestId;
        if (exchange.Grant is { } grant)
        {
            LimitHeaders.Write(http.Response.Headers, grant.Account, grant.Project.Account, exchange.ExpiresIn);
        }

        if (exchange.Route is { } route)
        {
            Cors.Mark(http.Response, http.Request, route.Provider);
        }

        await refusal.WriteToAsync(http.Response);
    }

    private void Settle(Exchange exchange)
    {
        bodies.Release(exchange);
        exchange.Status = exchange.Http.Response.StatusCode;
        exchange.Ended = clock.GetTimestamp();
        exchange.Recording?.Close(exchange.Http);
        meter.Settle(exchange);
    }
}
