using System.Globalization;
using System.Text;

namespace LlmProxy.Caching;

/// <summary>Why a request went on to the provider (RFC 9211 §2.2).</summary>
internal enum Forward
{
    /// <summary>This cache does not handle such requests.</summary>
    Bypass,

    /// <summary>The method's semantics require it.</summary>
    Method,

    /// <summary>Nothing is stored under the key.</summary>
    UriMiss,

    /// <summary>What is stored is for other requests.</summary>
    VaryMiss,

    /// <summary>Nothing that is stored will do.</summary>
    Miss,

    /// <summary>What is stored would do, but the request's directives or conditions do not allow it.</summary>
    Request,

    /// <summary>What is stored is stale.</summary>
    Stale,

    /// <summary>What is stored is not all that was asked for.</summary>
    Partial,
}

/// <summary>The text of the <c>Cache-Status</c> field (RFC 9211). The usual ones are made once.</summary>
internal static class CacheStatus
{
    public const string Header = "Cache-Status";

    private const string Hits = "llm-proxy; hit; ttl=";
    private const string Forwards = "llm-proxy; fwd=";
    private const int TtlsKept = 3_600;

    private static readonly string[] Tokens =
        ["bypass", "method", "uri-miss", "vary-miss", "miss", "request", "stale", "partial"];

    private static readonly string?[] HitsByTtl = new string?[TtlsKept];

    // By reason, then whether it is stored, then whether it was shared.
    private static readonly string[] PlainForwards =
    [
        .. from token in Tokens
           from stored in (string[])[string.Empty, "; stored"]
           from collapsed in (string[])[string.Empty, "; collapsed"]
           select Forwards + token + stored + collapsed,
    ];

    /// <summary>Of an answer from the cache.</summary>
    /// <param name="freshFor">Milliseconds; negative when stale.</param>
    /// <param name="detail">A token, or null.</param>
    public static string Hit(long freshFor, string? detail = null)
    {
        var ttl = Seconds(freshFor);
        if (detail is not null)
        {
            return string.Create(CultureInfo.InvariantCulture, $"{Hits}{ttl}; detail={detail}");
        }

        // Two threads that make the same text at once make no difference.
        return ttl is >= 0 and < TtlsKept
            ? HitsByTtl[ttl] ??= string.Create(CultureInfo.InvariantCulture, $"{Hits}{ttl}")
            : string.Create(CultureInfo.InvariantCulture, $"{Hits}{ttl}");
    }

    /// <summary>Of an answer from the provider.</summary>
    /// <param name="forward">Why it was asked.</param>
    /// <param name="forwardStatus">What it answered, when that is not what the client sees.</param>
    /// <param name="isStored">Whether its answer is stored.</param>
    /// <param name="isCollapsed">Whether the request shared another one's answer.</param>
    /// <param name="freshFor">Milliseconds, when it is stored.</param>
    /// <param name="detail">A token, or null.</param>
    public static string Forwarded(
        Forward forward, int? forwardStatus = null, bool isStored = false, bool isCollapsed = false,
        long? freshFor = null, string? detail = null)
    {
        if (forwardStatus is null && freshFor is null && detail is null)
        {
            return PlainForwards[((int)forward * 4) + (isStored ? 2 : 0) + (isCollapsed ? 1 : 0)];
        }

        var text = new StringBuilder(Forwards, capacity: 96).Append(Tokens[(int)forward]);
        if (forwardStatus is { } code)
        {
            text.Append(CultureInfo.InvariantCulture, $"; fwd-status={code}");
        }

        text.Append(isStored ? "; stored" : string.Empty).Append(isCollapsed ? "; collapsed" : string.Empty);
        if (freshFor is { } fresh)
        {
            text.Append(CultureInfo.InvariantCulture, $"; ttl={Seconds(fresh)}");
        }

        if (detail is not null)
        {
            text.Append("; detail=").Append(detail);
        }

        return text.ToString();
    }

    /// <summary>Whole seconds, of a fraction those that have begun to be stale.</summary>
    private static long Seconds(long milliseconds) => (long)Math.Floor(milliseconds / 1_000d);
}
