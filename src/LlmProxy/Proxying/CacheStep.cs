using LlmProxy.Caching;
using LlmProxy.Http;
using LlmProxy.Limits;
using LlmProxy.Providers;
using LlmProxy.Tokens;
using Microsoft.Extensions.Primitives;

namespace LlmProxy.Proxying;

/// <summary>How the cache's step ended.</summary>
internal enum CacheStepEnd
{
    /// <summary>The client has its answer.</summary>
    Served,

    /// <summary>The provider must be asked.</summary>
    AskProvider,

    /// <summary>The client wants no answer but a stored one, and there is none.</summary>
    NotStored,

    /// <summary>The token was revoked while it waited.</summary>
    Revoked,
}

/// <summary>
/// Step 5 of the pipeline: an answer that is stored ends the request here, for nothing; one that is on its way to
/// somebody else of the same project is shared.
/// </summary>
internal sealed class CacheStep(
    ICacheStore store, Flights flights, CacheOptions options, CacheClock cacheClock, CacheRefresh refresh,
    CacheMetrics metrics, CacheHits hits, TimeProvider clock)
{
    // How long to wait for another one's answer of which nobody knows whether it can be shared: whoever asks the same
    // at the same time has a reason to, and is not to be held up for long where there is nothing to gain.
    private static readonly TimeSpan HopefulWait = TimeSpan.FromSeconds(5);

    // What is not the cache's business has nothing to remember, so all such exchanges share these.
    private static readonly CacheCase Bypass = CacheCase.Bypassing(Forward.Bypass);
    private static readonly CacheCase ForMethod = CacheCase.Bypassing(Forward.Method);
    private static readonly CacheCase ForRequest = CacheCase.Bypassing(Forward.Request);

    /// <summary>
    /// What the head of a request says to the cache; null when it is off. A request that is not the cache's business
    /// gets a case too, because others' answers may depend on what it changes.
    /// </summary>
    public CacheCase? Open(Exchange exchange, Grant grant, in ProviderRoute route)
    {
        if (!options.IsOn || WebSocketUpgrade.IsAskedBy(exchange.Http))
        {
            return null;
        }

        var request = exchange.Http.Request;
        var isSafe = exchange.Method is "GET" or "HEAD";
        var isPost = exchange.Method == "POST";
        if ((!isSafe && !isPost) || !grant.MayUseCache)
        {
            return isSafe || isPost ? Bypass : ForMethod;
        }

        var directives = RequestDirectives.Read(request.Headers);
        return isSafe
            ? OpenSafe(exchange, grant, route, directives)
            : OpenPost(exchange, route, directives);
    }

    /// <summary>
    /// Looks whether the answer is there, or will be. When it ends with <see cref="CacheStepEnd.AskProvider"/>, the
    /// case may hold a flight that <see cref="Close"/> must end.
    /// </summary>
    public ValueTask<CacheStepEnd> TryServeAsync(Exchange exchange, CacheCase wish, Grant grant, ProviderRoute route)
    {
        if (wish is { NeedsBody: true, BodyDigest: { } body })
        {
            wish.Key = KeyOf(exchange, grant, route, body);
            wish.MayLookUp = true;
        }

        return wish.MayLookUp
            ? LookUpAsync(exchange, wish, grant, route)
            : ValueTask.FromResult(
                wish.Directives.OnlyIfCached ? CacheStepEnd.NotStored : CacheStepEnd.AskProvider);
    }

    /// <summary>
    /// What the client is told when the step ends its request without an answer; null when it has one.
    /// </summary>
    public static Refusal? RefusalFor(CacheStepEnd end) => end switch
    {
        CacheStepEnd.NotStored => Refusal.NotInCache,
        CacheStepEnd.Revoked => Refusal.InvalidToken,
        _ => null,
    };

    /// <summary>The exchange is over: nobody waits for it any more.</summary>
    public void Close(CacheCase wish)
    {
        if (wish.Flight is { } flight)
        {
            flights.Close(flight);
        }
    }

    /// <summary>The key under which a GET of that target is stored.</summary>
    public static CacheKey KeyOf(
        Grant grant, in ProviderRoute route, ReadOnlySpan<char> path, ReadOnlySpan<char> query) =>
        CacheKey.Of(grant.Project.Id, route.Provider.Name, "GET", path, query, body: null);

    private static CacheKey KeyOf(Exchange exchange, Grant grant, in ProviderRoute route, Digest? body) =>
        CacheKey.Of(
            grant.Project.Id, route.Provider.Name, body is null ? "GET" : "POST",
            exchange.Target.RawPath[route.PrefixLength..], exchange.Target.Query, body);

    private CacheCase OpenSafe(
        Exchange exchange, Grant grant, in ProviderRoute route, in RequestDirectives directives)
    {
        var headers = exchange.Http.Request.Headers;
        if (Validation.HasOriginConditions(headers))
        {
            return ForRequest;
        }

        // A body that nobody expects there may change the answer, and so may a field that Connection lists and that
        // does not reach the provider.
        if (UploadContent.IsNeededFor(exchange.Http.Request) || HasConnectionFields(headers.Connection))
        {
            return Bypass;
        }

        var endpoint = route.EndpointOf(exchange.Target);
        var isGet = exchange.Method == "GET";
        var isPlain = headers.Range.Count == 0 && !Validation.HasConditions(headers);
        return new CacheCase(directives)
        {
            Key = KeyOf(exchange, grant, route, body: null),
            Endpoint = endpoint.ToString(),
            MayLookUp = true,
            MayStore = isGet,
            MayCollapse = isGet && isPlain && directives is { NoStore: false, NoCache: false },
            AssignedLifetime = options.DefaultTtl > TimeSpan.Zero
                && route.Provider.Cache.DefaultTtlEndpoints.Contains(endpoint) ? options.DefaultTtl : null,
        };
    }

    private static CacheCase OpenPost(Exchange exchange, in ProviderRoute route, in RequestDirectives directives)
    {
        var isAskedFor = directives.MaxAge > 0 || directives.OnlyIfCached;
        if (!isAskedFor && route.Provider.Cache.PostRules.Count == 0)
        {
            return ForMethod;
        }

        var endpoint = route.EndpointOf(exchange.Target).ToString();
        var rules = route.Provider.Cache.PostRules;
        var isWanted = (isAskedFor || Matches(rules, endpoint)) && CacheCase.CanHash(exchange.Http.Request);
        return new CacheCase(directives)
        {
            Endpoint = endpoint,
            Forward = Forward.Method,
            MayStore = isWanted && !directives.NoStore,
            MayCollapse = isWanted && directives is { NoStore: false, NoCache: false }
                && exchange.Http.Request.Headers.Range.Count == 0,
            AssignedLifetime = directives.MaxAge is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
            IsAskedFor = isAskedFor,
            Rules = rules,
            NeedsBody = isWanted,
        };
    }

    private static bool HasConnectionFields(StringValues connection) =>
        connection.Count > 1 || (connection is [{ } options]
            && !options.Equals("keep-alive", StringComparison.OrdinalIgnoreCase)
            && !options.Equals("close", StringComparison.OrdinalIgnoreCase));

    private static bool Matches(IReadOnlyList<CachePostRule> rules, string endpoint)
    {
        foreach (var rule in rules)
        {
            if (rule.Matches(endpoint))
            {
                return true;
            }
        }

        return false;
    }

    private async ValueTask<CacheStepEnd> LookUpAsync(
        Exchange exchange, CacheCase wish, Grant grant, ProviderRoute route)
    {
        var began = clock.GetTimestamp();
        while (true)
        {
            var landings = flights.LandingsOf(wish.Key);
            if (await TryServeStoredAsync(exchange, wish, grant, route))
            {
                return CacheStepEnd.Served;
            }

            if (wish.Directives.OnlyIfCached)
            {
                return CacheStepEnd.NotStored;
            }

            if (!wish.MayCollapse)
            {
                wish.Flight = wish.MayStore ? flights.Open(wish.Key) : null;
                return CacheStepEnd.AskProvider;
            }

            var place = flights.Enter(wish.Key);
            if (place.IsLeader)
            {
                // Whoever came just before may have brought it in since we looked.
                wish.Flight = place.Flight;
                if (flights.LandingsOf(wish.Key) == landings)
                {
                    return CacheStepEnd.AskProvider;
                }

                Close(wish);
                wish.Flight = null;
                continue;
            }

            var patience = PatienceOf(wish, route) - clock.GetElapsedTime(began);
            if (await FollowAsync(place.Flight!, patience, exchange, wish, grant, route) is { } end)
            {
                return end;
            }
        }
    }

    /// <summary>For all that one request waits for, however many calls fail meanwhile.</summary>
    private static TimeSpan PatienceOf(CacheCase wish, in ProviderRoute route) =>
        wish.AssignedLifetime is null ? HopefulWait : route.Provider.Timeouts.ResponseHeader;

    private async ValueTask<bool> TryServeStoredAsync(
        Exchange exchange, CacheCase wish, Grant grant, ProviderRoute route)
    {
        var headers = exchange.Http.Request.Headers;
        var variants = await store.FindAsync(wish.Key);
        wish.Stored = variants.Count == 0 ? null : Variants.Select(variants, headers);
        if (wish.Stored is not { } stored)
        {
            wish.Forward = variants.Count == 0 ? Forward.UriMiss : Forward.VaryMiss;
            return false;
        }

        var now = cacheClock.Now;
        var reuse = ServingRules.Judge(stored, wish.Directives, now);

        // Nobody sends a POST in the background: it may do something.
        if (reuse == Reuse.MustValidate || (reuse == Reuse.StaleWhileRevalidate && exchange.Method == "POST"))
        {
            wish.Forward = stored.FreshFor(now) > 0 ? Forward.Request : Forward.Stale;
            return false;
        }

        var tally = metrics.Of(route.Provider, wish.Endpoint);
        if (reuse == Reuse.Fresh)
        {
            tally.Hit();
        }
        else
        {
            tally.Stale();
        }

        await ServeAsync(exchange, stored, grant, route, CacheStatus.Hit(stored.FreshFor(now)));
        if (reuse == Reuse.StaleWhileRevalidate)
        {
            refresh.Begin(exchange, wish, grant, route);
        }

        return true;
    }

    /// <summary>Waits for another one's answer. Null when the store is to be asked again.</summary>
    private async ValueTask<CacheStepEnd?> FollowAsync(
        Flight flight, TimeSpan patience, Exchange exchange, CacheCase wish, Grant grant, ProviderRoute route)
    {
        using var run = grant.Run();
        using var cutoff = new Cutoff(
            route.Provider.Timeouts.Request, clock, exchange.Http.RequestAborted, run.Revoked);
        try
        {
            cutoff.Within(patience > TimeSpan.Zero ? patience : TimeSpan.Zero);
            var head = await flight.Head.WaitAsync(cutoff.Token);
            if (head.End == FlightEnd.Failed)
            {
                return null;
            }

            if (head.End == FlightEnd.Shared && IsFor(exchange, wish, head)
                && await TryShareAsync(head, exchange, grant, route, cutoff, wish.Forward))
            {
                metrics.Of(route.Provider, wish.Endpoint).Collapsed();
                return CacheStepEnd.Served;
            }
        }
        catch (OperationCanceledException) when (cutoff.IsTriggered)
        {
            // Whoever is gone needs no answer. After too long a wait the provider is asked once more.
            if (cutoff.Reason != CutoffReason.Timeout)
            {
                exchange.Reason = cutoff.Reason == CutoffReason.Revoked ? "revoked" : null;
                return CacheStepEnd.Revoked;
            }
        }
        finally
        {
            flight.Leave();
        }

        wish.Flight = flights.Open(wish.Key);
        return CacheStepEnd.AskProvider;
    }

    /// <summary>Whether the head that another one was answered with may answer this request too.</summary>
    private bool IsFor(Exchange exchange, CacheCase wish, in FlightHead head)
    {
        var response = head.Response!;
        return Variants.Select([response], exchange.Http.Request.Headers) is not null
            && (head.IsStandIn
                ? ServingRules.MayServeOnError(
                    response, wish.Directives, cacheClock.Now, options.ServesStaleOnError, isUnreachable: true)
                : response.MustBeValidated
                    || ServingRules.Judge(response, wish.Directives, cacheClock.Now) != Reuse.MustValidate);
    }

    private async ValueTask<bool> TryShareAsync(
        FlightHead head, Exchange exchange, Grant grant, ProviderRoute route, Cutoff cutoff, Forward forward)
    {
        var response = head.Response!;
        if (head.Tape is not { } tape)
        {
            await ServeAsync(exchange, response, grant, route, CacheStatus.Forwarded(forward, isCollapsed: true));
            return true;
        }

        using var reader = tape.TryOpen();
        if (reader is null)
        {
            return false;
        }

        hits.Record(grant.TokenId, grant.Project.Id);
        StoredAnswer.WriteHead(exchange, response, response.Status, response.Fields, cacheClock.Now);
        CacheMarks.Hit(exchange, CacheStatus.Forwarded(forward, isCollapsed: true));
        exchange.Http.Response.ContentLength = tape.Length;
        AnswerMarks.Write(exchange, grant, route, clock);
        try
        {
            await TapeRelay.CopyAsync(reader, exchange, cutoff, route.Provider.Timeouts.StreamIdle);
        }
        catch (Exception failure) when (failure is IOException or OperationCanceledException)
        {
            // As for the one who made the call: no client may take this for the end of the answer.
            exchange.Outcome = Forwarding.OutcomeOf(cutoff);
            exchange.Http.Abort();
        }

        return true;
    }

    private async ValueTask ServeAsync(
        Exchange exchange, StoredResponse stored, Grant grant, ProviderRoute route, string status)
    {
        hits.Record(grant.TokenId, grant.Project.Id);
        exchange.Model = stored.Model;
        var answer = StoredAnswer.Begin(exchange, stored, cacheClock.Now);
        CacheMarks.Hit(exchange, status);
        AnswerMarks.Write(exchange, grant, route, clock);
        await StoredAnswer.WriteBodyAsync(exchange, answer);
    }
}
