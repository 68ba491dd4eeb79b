using LlmProxy.Caching;
using LlmProxy.Providers;
using LlmProxy.Tokens;
using Microsoft.AspNetCore.Http.Features;

namespace LlmProxy.Proxying;

/// <summary>
/// Validates stored answers in the background, after a client got one that had just become stale (RFC 5861 §3). What
/// it asks is an exchange like any other: it costs the token that caused it a request, and is settled and logged.
/// </summary>
internal sealed class CacheRefresh(
    Flights flights, RequestJudge judge, ProviderClients clients, ExchangeMeter meter, CacheFill fill,
    Recorder recorder, TimeProvider clock)
{
    /// <summary>Begins, unless it runs already or too many do. Does not wait.</summary>
    public void Begin(Exchange served, CacheCase wish, Grant grant, ProviderRoute route)
    {
        if (!flights.TryBeginRefresh(wish.Key))
        {
            return;
        }

        var place = flights.Enter(wish.Key);
        if (!place.IsLeader)
        {
            place.Flight!.Leave();
            flights.EndRefresh(wish.Key);
            return;
        }

        var exchange = new Exchange(Copy(served.Http), served.Target, clock)
        {
            Route = route,
            Grant = grant,
            Operation = served.Operation,
            ExpiresIn = served.ExpiresIn,
            CacheWord = CacheWord.Refresh,
            Recording = recorder.Begin(),
            Cache = new CacheCase(RequestDirectives.None)
            {
                Key = wish.Key,
                Endpoint = wish.Endpoint,
                MayLookUp = true,
                MayStore = true,
                AssignedLifetime = wish.AssignedLifetime,
                Forward = Forward.Stale,
                Stored = wish.Stored,
                Flight = place.Flight,
            },
        };
        _ = RunAsync(exchange, grant, route);
    }

    private async Task RunAsync(Exchange exchange, Grant grant, ProviderRoute route)
    {
        // Not on the thread of the client that is being served.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            exchange.Refusal = await judge.ReserveAsync(exchange, grant)
                ?? await new Forwarding(exchange, route, grant, judge, meter, fill, clock)
                    .RunAsync(clients.For(route.Provider));
            exchange.Outcome = exchange.Refusal is null ? exchange.Outcome : Outcome.Refused;
        }
        finally
        {
            flights.Close(exchange.Cache!.Flight!);
            exchange.Status = exchange.Http.Response.StatusCode;
            exchange.Ended = clock.GetTimestamp();
            exchange.Recording?.Close(exchange.Http);
            meter.Settle(exchange);
            flights.EndRefresh(exchange.Cache!.Key);
        }
    }

    /// <summary>The request without its client: there is nobody to write to, and nobody who leaves.</summary>
    private static DefaultHttpContext Copy(HttpContext served)
    {
        var copy = new DefaultHttpContext { TraceIdentifier = served.TraceIdentifier };
        copy.Request.Method = HttpMethods.Get;
        copy.Connection.RemoteIpAddress = served.Connection.RemoteIpAddress;
        foreach (var (name, values) in served.Request.Headers)
        {
            copy.Request.Headers[name] = values;
        }

        // Its own validators take the place of the client's, and it wants the whole answer.
        copy.Request.Headers.Remove("If-None-Match");
        copy.Request.Headers.Remove("If-Modified-Since");
        copy.Request.Headers.Remove("Range");
        copy.Request.Headers.Remove("If-Range");
        copy.Features.Set<IHttpRequestBodyDetectionFeature>(null);
        return copy;
    }
}
