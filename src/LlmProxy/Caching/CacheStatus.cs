using System.Globalization;
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

/// <summary>The text of the <c>Cache-Status</c> field (RFC 9211).</summary>
internal static class CacheStatus
{
    public const string Header = "Cache-Status";
    private const string Name = "llm-proxy";

    /// <summary>Of an answer from the cache.</summary>
    /// <param name="freshFor">Milliseconds; negative when stale.</param>
    /// <param name="detail">A token, or null.</param>
    public static string Hit(long freshFor, string? detail = null) =>
        string.Create(CultureInfo.InvariantCulture, $"{Name}; hit; ttl={Math.Floor(freshFor / 1_000d)}{detail}");

    /// <summary>Of an answer from the provider.</summary>
    /// <param name="forward">Why it was asked.</param>
    /// <param name="forwardStatus">What it answered, when that is not what the client sees.</param>
    /// <param name="isStored">Whether its answer is stored.</param>
    /// <param name="isCollapsed">Whether the request shared another one's answer.</param>
    /// <param name="freshFor">Milliseconds, when it is stored.</param>
    /// <param name="detail">A token, or null.</param>
    public static string Forwarded(
        Forward forward, int? forwardStatus = null, bool isStored = false, bool isCollapsed = false,
        long? freshFor = null, string? detail = null) =>
        $"{Name}; fwd={forward}{forwardStatus}{isStored}{isCollapsed}{freshFor}{detail}";
}
