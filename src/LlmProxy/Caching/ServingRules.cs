namespace LlmProxy.Caching;

/// <summary>What may be done with a stored answer.</summary>
internal enum Reuse
{
    /// <summary>Serve it.</summary>
    Fresh,

    /// <summary>Serve it, and validate it in the background (RFC 5861 §3).</summary>
    StaleWhileRevalidate,

    /// <summary>Serve it; the client takes stale ones (<c>max-stale</c>).</summary>
    Stale,

    /// <summary>Ask the provider first.</summary>
    MustValidate,
}

/// <summary>When a stored answer may be served (RFC 9111 §4).</summary>
internal static class ServingRules
{
    /// <param name="stored">The variant that was selected.</param>
    /// <param name="request">What the request asks of caches.</param>
    /// <param name="now">Milliseconds of the <see cref="CacheClock"/>.</param>
    public static Reuse Judge(StoredResponse stored, in RequestDirectives request, long now)
    {
        if (stored.MustBeValidated || request.NoCache || IsTooOld(stored, request, now))
        {
            return Reuse.MustValidate;
        }

        var freshFor = stored.FreshFor(now);
        if (freshFor > 0)
        {
            return request.MinFresh is { } least && freshFor < Milliseconds(least) ? Reuse.MustValidate : Reuse.Fresh;
        }

        if (stored.MustNotBeStale || request.MinFresh is not null)
        {
            return Reuse.MustValidate;
        }

        // A client that names an age, and no staleness, wants nothing stale (RFC 9111 §5.2.1.1).
        if (-freshFor < stored.StaleWhileRevalidate && (request.MaxAge is null || request.MaxStale is not null))
        {
            return Reuse.StaleWhileRevalidate;
        }

        return request.MaxStale is { } most && -freshFor <= Milliseconds(most) ? Reuse.Stale : Reuse.MustValidate;
    }

    /// <summary>Whether it may stand in for an error (RFC 9111 §4.2.4, RFC 5861 §4).</summary>
    /// <param name="stored">The variant that was selected.</param>
    /// <param name="request">What the request asks of caches.</param>
    /// <param name="now">Milliseconds of the <see cref="CacheClock"/>.</param>
    /// <param name="byDefault">Whether it may when neither side says anything of it and there was no answer.</param>
    /// <param name="isUnreachable">There was no answer; otherwise one with a 5xx.</param>
    public static bool MayServeOnError(
        StoredResponse stored, in RequestDirectives request, long now, bool byDefault, bool isUnreachable)
    {
        if (stored.MustBeValidated || stored.MustNotBeStale || request.NoCache)
        {
            return false;
        }

        var staleFor = Math.Max(0, -stored.FreshFor(now));
        if (staleFor <= Milliseconds(request.StaleIfError ?? -1) || staleFor <= (stored.StaleIfError ?? -1))
        {
            return true;
        }

        // Who named a limit, on either side, did not mean that there is none.
        return byDefault && isUnreachable && request.StaleIfError is null && stored.StaleIfError is null
            && request.MinFresh is null && !IsTooOld(stored, request, now)
            && (request.MaxAge is null || staleFor == 0)
            && (request.MaxStale is not { } most || staleFor <= Milliseconds(most));
    }

    private static bool IsTooOld(StoredResponse stored, in RequestDirectives request, long now) =>
        request.MaxAge is { } most && (most == 0 || stored.AgeAt(now) > Milliseconds(most));

    private static long Milliseconds(long seconds) =>
        seconds > long.MaxValue / 1_000 ? long.MaxValue : seconds * 1_000;
}
