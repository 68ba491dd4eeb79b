using LlmProxy.Caching;

namespace LlmProxy.Proxying;

/// <summary>
/// What the cache tells of an answer: <c>Cache-Status</c> (RFC 9211), and one word in <c>X-PROXY-CACHE</c> for those
/// who know the original.
/// </summary>
internal static class CacheMarks
{
    private const string OldHeader = "X-PROXY-CACHE";

    public static void Hit(Exchange exchange, string status) => Write(exchange, status, CacheWord.Hit);

    public static void Miss(Exchange exchange, string status) => Write(exchange, status, CacheWord.Miss);

    /// <summary>Of an answer that is not stored; nothing when the cache is off.</summary>
    public static void Forwarded(Exchange exchange)
    {
        if (exchange.Cache is { } wish)
        {
            Write(exchange, CacheStatus.Forwarded(wish.Forward), wish.MayLookUp ? CacheWord.Miss : CacheWord.Bypass);
        }
    }

    private static void Write(Exchange exchange, string status, string word)
    {
        var headers = exchange.Http.Response.Headers;
        exchange.CacheWord = word;

        // The provider's own caches have spoken before us (RFC 9211 §2).
        headers.Append(CacheStatus.Header, status);
        headers.TryAdd(OldHeader, word);
    }
}

/// <summary>The words of <c>X-PROXY-CACHE</c>.</summary>
internal static class CacheWord
{
    public const string Hit = "hit";
    public const string Miss = "miss";
    public const string Bypass = "bypass";

    /// <summary>A stored answer was validated for nobody in particular; only logs and events say so.</summary>
    public const string Refresh = "refresh";
}
