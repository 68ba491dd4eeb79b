#pragma warning disable IDE0060 // The rules are still to come.
using System.Runtime.InteropServices;

namespace LlmProxy.Caching;

/// <summary>
/// What a request asks of caches (RFC 9111 §5.2.1). Seconds; null where it says nothing. What is not understood is
/// ignored, but a number that cannot be read asks for the strictest that it could mean.
/// </summary>
/// <param name="NoStore">Neither the request nor its answer is to be kept.</param>
/// <param name="NoCache">No stored answer without its validation.</param>
/// <param name="OnlyIfCached">A stored answer or none.</param>
/// <param name="MaxAge">No answer that is older.</param>
/// <param name="MaxStale">
/// An answer that is stale for no longer will do; <see cref="long.MaxValue"/> is however long.
/// </param>
/// <param name="MinFresh">Only an answer that stays fresh for so long.</param>
/// <param name="StaleIfError">In place of an error, an answer that is stale for no longer (RFC 5861 §4).</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct RequestDirectives(
    bool NoStore, bool NoCache, bool OnlyIfCached, long? MaxAge, long? MaxStale, long? MinFresh, long? StaleIfError)
{
    /// <summary>Those of a request that asks nothing.</summary>
    public static readonly RequestDirectives None;

    /// <summary>
    /// Reads <c>Cache-Control</c>, or where there is none <c>Pragma: no-cache</c> (RFC 9111 §5.4). Allocates nothing.
    /// </summary>
    public static RequestDirectives Read(IHeaderDictionary headers) => None;
}
