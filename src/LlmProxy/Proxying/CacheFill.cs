using LlmProxy.Caching;
using LlmProxy.Limits;
using LlmProxy.Providers;
using LlmProxy.Tokens;
using LlmProxy.Usage.Reading;

namespace LlmProxy.Proxying;

/// <summary>How an answer of the provider was dealt with.</summary>
internal enum FillEnd
{
    /// <summary>It goes to the client alone.</summary>
    ForTheClient,

    /// <summary>The client has an answer.</summary>
    Done,

    /// <summary>
    /// It says that something has not changed that is not what is stored: the provider must be asked anew.
    /// </summary>
    AskAnew,
}

/// <summary>
/// What an answer of the provider does to the cache: it is stored and shared while it passes, validates what is stored,
/// or makes it invalid.
/// </summary>
internal sealed class CacheFill(
    ICacheStore store, Flights flights, CacheOptions options, CacheClock cacheClock, TapeBudget budget,
    CacheMetrics metrics, CacheHits hits, TimeProvider clock)
{
    /// <summary>When the request is about to leave.</summary>
    public void Sending(CacheCase? wish)
    {
        if (wish is { MayLookUp: true })
        {
            wish.RequestedAt = cacheClock.Now;
        }
    }

    /// <summary>Whether a stored answer takes the place of one that did not come; then the client has it.</summary>
    public async ValueTask<bool> TryStandInAsync(
        Exchange exchange, Grant grant, ProviderRoute route, bool isUnreachable)
    {
        if (exchange.Cache is not { Stored: { } stored } wish
            || !ServingRules.MayServeOnError(
                stored, wish.Directives, cacheClock.Now, options.ServesStaleOnError, isUnreachable))
        {
            return false;
        }

        exchange.IsFromStore = true;
        metrics.Of(route.Provider, wish.Endpoint).Stale();
        hits.Record(grant.TokenId, grant.Project.Id);
        wish.Flight?.Tell(new FlightHead(FlightEnd.Shared, stored, IsStandIn: true));
        await TellAsync(
            exchange, stored, grant, route, CacheStatus.Hit(stored.FreshFor(cacheClock.Now), "stale-on-error"));
        return true;
    }

    /// <summary>Takes an answer for the cache, as far as it is for it.</summary>
    public async ValueTask<FillEnd> TakeAsync(
        HttpResponseMessage answer, Exchange exchange, Grant grant, ProviderRoute route, Cutoff cutoff,
        CancellationToken revoked)
    {
        if (exchange.Cache is not { } wish)
        {
            return FillEnd.ForTheClient;
        }

        if (!IsSafe(exchange.Method) && (int)answer.StatusCode < 400 && !(store.IsEmpty && flights.AreNone))
        {
            Invalidate(answer, exchange, grant, route);
        }

        if (wish.MayLookUp)
        {
            metrics.Of(route.Provider, wish.Endpoint).Miss();
        }

        if (wish.Flight is not { } flight)
        {
            await ObserveAsync(answer, exchange, wish);
            return FillEnd.ForTheClient;
        }

        var @case = CaseOf(answer, exchange, wish);
        if (@case.Status == StatusCodes.Status304NotModified && wish.Validates)
        {
            return await RenewAsync(@case, exchange, wish, grant, route);
        }

        if (@case.Status >= 500 && await TryStandInAsync(exchange, grant, route, isUnreachable: false))
        {
            return FillEnd.Done;
        }

        if (Storing.Judge(@case, out _) is { } head && Fits(answer) && !IsForOneClient(answer, wish))
        {
            await ShareAsync(answer, head, exchange, wish, grant, route, cutoff, revoked);
            return FillEnd.Done;
        }

        // Of an error the next one may hear something better; anything else will be the same for all.
        if (@case.Status is >= 500 or StatusCodes.Status429TooManyRequests || !wish.MayCollapse)
        {
            flights.Fail(flight);
        }
        else
        {
            flights.GoAlone(flight);
        }

        return FillEnd.ForTheClient;
    }

    private static bool IsSafe(string method) => method is "GET" or "HEAD" or "OPTIONS" or "TRACE";

    /// <summary>
    /// A cookie is never stored. An answer that says that it is fresh and sets one may be made for the one who asked;
    /// where it was decided here that answers are alike for all of a project, it is kept without its cookie.
    /// </summary>
    private static bool IsForOneClient(HttpResponseMessage answer, CacheCase wish) =>
        wish.AssignedLifetime is null && answer.Headers.NonValidated.Contains("Set-Cookie");

    private bool Fits(HttpResponseMessage answer) =>
        (options.StreamsAreStored || !AnswerRelay.IsStream(answer))
        && !(AnswerRelay.LengthOf(answer) > options.ObjectBytesMax);

    private StoringCase CaseOf(HttpResponseMessage answer, Exchange exchange, CacheCase wish) => new(
        exchange.Method, exchange.Http.Request.Headers, wish.Directives, (int)answer.StatusCode,
        AnswerRelay.FieldsOf(answer), wish.RequestedAt, cacheClock.Now, wish.Endpoint, exchange.Model,
        wish.AssignedLifetime, options);

    /// <summary>A 304 to our own question: what is stored is still good.</summary>
    private async ValueTask<FillEnd> RenewAsync(
        StoringCase @case, Exchange exchange, CacheCase wish, Grant grant, ProviderRoute route)
    {
        if (Validation.Update(wish.Stored!, @case) is not { } renewed)
        {
            await store.RemoveAsync(wish.Key);
            wish.Stored = null;
            return FillEnd.AskAnew;
        }

        exchange.IsFromStore = true;
        metrics.Of(route.Provider, wish.Endpoint).Validated();
        var isStored = flights.IsCurrent(wish.Flight!) && await store.PutAsync(wish.Key, renewed);
        flights.Land(wish.Key);
        wish.Flight!.Tell(new FlightHead(FlightEnd.Shared, renewed));
        await TellAsync(exchange, renewed, grant, route, CacheStatus.Forwarded(
            wish.Forward, StatusCodes.Status304NotModified, isStored, freshFor: renewed.FreshFor(cacheClock.Now)));
        return FillEnd.Done;
    }

    private async ValueTask TellAsync(
        Exchange exchange, StoredResponse stored, Grant grant, ProviderRoute route, string status)
    {
        var body = StoredAnswer.Begin(exchange, stored, cacheClock.Now);
        CacheMarks.Hit(exchange, status);
        AnswerMarks.Write(exchange, grant, route, clock);
        await StoredAnswer.WriteBodyAsync(exchange, body);
    }

    /// <summary>
    /// Brings a new answer to its client and to those who wait for it, and stores it when it ended as it should. The
    /// call goes on without its client when others want it.
    /// </summary>
    private async ValueTask ShareAsync(
        HttpResponseMessage answer, StoredResponse head, Exchange exchange, CacheCase wish, Grant grant,
        ProviderRoute route, Cutoff cutoff, CancellationToken revoked)
    {
        var isFiltered = exchange.Splice is not null && AnswerRelay.IsStream(answer);
        var length = isFiltered ? null : AnswerRelay.LengthOf(answer);
        var tape = new Tape(options.ObjectBytesMax, length, budget);
        using var reader = tape.TryOpen()!;
        wish.Flight!.Tell(new FlightHead(FlightEnd.Shared, head, tape));

        // Where we have asked for ourselves, the client's own conditions are ours to answer.
        var isKnown = wish.Validates
            && Validation.IsNotModified(exchange.Method, exchange.Http.Request.Headers, head);
        if (isKnown)
        {
            StoredAnswer.Begin(exchange, head, cacheClock.Now);
        }
        else
        {
            AnswerRelay.CopyHead(answer, exchange);
        }

        CacheMarks.Miss(exchange, CacheStatus.Forwarded(
            wish.Forward, isStored: true, freshFor: head.FreshFor(cacheClock.Now)));
        AnswerMarks.Write(exchange, grant, route, clock);
        var pumping = PumpAsync(answer, tape, exchange, wish, head, cutoff, route);
        if (!isKnown)
        {
            await ReadOwnAsync(reader, exchange, cutoff, route.Provider.Timeouts, revoked);
        }

        else
        {
            // The client has all that it gets, while the rest is for the store.
            await exchange.Http.Response.CompleteAsync();
        }

        reader.Dispose();
        await pumping;
    }

    /// <summary>The caller's own copy. That it is gone does not end the call, so it is no failure here.</summary>
    private async Task ReadOwnAsync(
        TapeReader reader, Exchange exchange, Cutoff call, ProviderTimeouts timeouts, CancellationToken revoked)
    {
        using var cutoff = new Cutoff(timeouts.Request, clock, exchange.Http.RequestAborted, revoked);
        try
        {
            await TapeRelay.CopyAsync(reader, exchange, cutoff, timeouts.StreamIdle);
        }
        catch (Exception failure) when (failure is IOException or OperationCanceledException)
        {
            exchange.Outcome = Forwarding.OutcomeOf(cutoff.IsTriggered ? cutoff : call);
            exchange.Http.Abort();
        }
    }

    private async Task PumpAsync(
        HttpResponseMessage answer, Tape tape, Exchange exchange, CacheCase wish, StoredResponse head, Cutoff cutoff,
        ProviderRoute route)
    {
        var isStream = AnswerRelay.IsStream(answer);
        var own = isStream && exchange.Answer is null ? ReaderFor(head) : null;
        try
        {
            if (!AnswerRelay.IsWithoutContent(answer))
            {
                await TapeRelay.FillAsync(answer, tape, exchange, own, cutoff, route.Provider.Timeouts);
            }

            var isWhole = !isStream || (own ?? exchange.Answer)?.HasEndedWell == true;
            tape.Complete();
            if (isWhole && tape.Whole() is { } body)
            {
                var whole = head with { Body = body, IsStream = isStream, Model = ModelOf(exchange) };
                await StoreAsync(route, wish, whole);
            }
        }
        catch (Exception failure) when (failure is HttpRequestException or IOException or OperationCanceledException)
        {
            // The caller's own reader says what this means for its client.
            tape.Break();
        }
        finally
        {
            tape.Release();
            own?.Dispose();
        }
    }

    private async ValueTask StoreAsync(ProviderRoute route, CacheCase wish, StoredResponse response)
    {
        if (!flights.IsCurrent(wish.Flight!) || !await store.PutAsync(wish.Key, response))
        {
            return;
        }

        if (flights.IsCurrent(wish.Flight!))
        {
            metrics.Of(route.Provider, wish.Endpoint).Stored();
            flights.Land(wish.Key);
        }
        else
        {
            // Something was invalidated just between the question and the answer.
            Forget(wish.Key);
        }
    }

    private static string? ModelOf(Exchange exchange) =>
        exchange.Cache!.Model ?? exchange.Model ?? exchange.Answer?.Model;

    private static AnswerReader? ReaderFor(StoredResponse head) =>
        AnswerReader.For(head.Fields.Find("Content-Type").ToString(), head.Fields.Find("Content-Encoding").ToString());

    /// <summary>What the answer to a HEAD says of the stored answer to a GET (RFC 9111 §4.3.5).</summary>
    private async ValueTask ObserveAsync(HttpResponseMessage answer, Exchange exchange, CacheCase wish)
    {
        if (exchange.Method != "HEAD" || wish is not { MayLookUp: true, Stored: { } stored })
        {
            return;
        }

        var effect = Validation.Compare(stored, CaseOf(answer, exchange, wish));
        if (effect.Verdict == HeadVerdict.Updates)
        {
            await store.PutAsync(wish.Key, effect.Updated!);
        }
        else if (effect.Verdict == HeadVerdict.Invalidates)
        {
            Forget(wish.Key);
        }
    }

    private void Invalidate(
        HttpResponseMessage answer, Exchange exchange, Grant grant, ProviderRoute route)
    {
        var target = string.Concat(exchange.Target.RawPath[route.PrefixLength..], exchange.Target.Query);
        var targets = Invalidation.Targets(
            exchange.Method, (int)answer.StatusCode, PlacesOf(answer), route.Provider.BaseUrl, target);
        foreach (var each in targets)
        {
            var question = each.IndexOf('?', StringComparison.Ordinal);
            var pathLength = question < 0 ? each.Length : question;
            Forget(CacheStep.KeyOf(grant, route, each.AsSpan(0, pathLength), each.AsSpan(pathLength)));
        }
    }

    /// <summary>
    /// From here on nobody of this process is served it. A store that is far away forgets it in its own time, before it
    /// is asked the next time.
    /// </summary>
    private void Forget(CacheKey key)
    {
        flights.Invalidate(key);
        var forgetting = store.RemoveAsync(key);
        if (!forgetting.IsCompletedSuccessfully)
        {
            _ = forgetting.AsTask();
        }
    }

    private static List<HeaderField> PlacesOf(HttpResponseMessage answer)
    {
        var places = new List<HeaderField>();
        if (answer.Headers.NonValidated.TryGetValues("Location", out var location))
        {
            places.Add(new HeaderField("Location", location.ToString()));
        }

        if (answer.Content.Headers.NonValidated.TryGetValues("Content-Location", out var contentLocation))
        {
            places.Add(new HeaderField("Content-Location", contentLocation.ToString()));
        }

        return places;
    }
}
