#pragma warning disable IDE0060 // The rules are still to come.
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
    public static Reuse Judge(StoredResponse stored, in RequestDirectives request, long now) => Reuse.MustValidate;

    /// <summary>Whether it may stand in for an error (RFC 9111 §4.2.4, RFC 5861 §4).</summary>
    /// <param name="stored">The variant that was selected.</param>
    /// <param name="request">What the request asks of caches.</param>
    /// <param name="now">Milliseconds of the <see cref="CacheClock"/>.</param>
    /// <param name="byDefault">Whether it may when neither side says anything about it, and there was no answer.</param>
    /// <param name="isUnreachable">There was no answer; otherwise one with a 5xx.</param>
    public static bool MayServeOnError(
        StoredResponse stored, in RequestDirectives request, long now, bool byDefault, bool isUnreachable) => false;
}
