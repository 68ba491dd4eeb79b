using System.Runtime.InteropServices;

namespace LlmProxy.Caching;

/// <summary>
/// What a request asks of caches (RFC 9111 §5.2.1). Seconds; null where it says nothing. What is said twice counts
/// where it asks for more; what is not understood is ignored, but for a <c>max-age</c>, which then is 0.
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
    public static RequestDirectives Read(IHeaderDictionary headers)
    {
        var lines = headers.CacheControl;
        var isPragma = lines.Count == 0;
        if (isPragma)
        {
            lines = headers.Pragma;
            if (lines.Count == 0)
            {
                return None;
            }
        }

        var read = None;
        for (var i = 0; i < lines.Count; i++)
        {
            var directives = new DirectiveReader(lines[i]);
            while (directives.MoveNext())
            {
                if (!isPragma)
                {
                    read = read.With(directives);
                }
                else if (directives.Is("no-cache"))
                {
                    read = read with { NoCache = true };
                }
            }
        }

        return read;
    }

    private RequestDirectives With(in DirectiveReader directive) =>
        directive.Is("no-cache") ? this with { NoCache = true }
        : directive.Is("no-store") ? this with { NoStore = true }
        : directive.Is("only-if-cached") ? this with { OnlyIfCached = true }
        : directive.Is("max-age") ? this with { MaxAge = Least(MaxAge, directive.SecondsOr(0)) }
        : directive.Is("max-stale")
            ? this with { MaxStale = Least(MaxStale, directive.SecondsOr(directive.HasValue ? null : long.MaxValue)) }
        : directive.Is("min-fresh") ? this with { MinFresh = Greatest(MinFresh, directive.SecondsOr(null)) }
        : directive.Is("stale-if-error")
            ? this with { StaleIfError = Least(StaleIfError, directive.SecondsOr(null)) }
        : this;

    private static long? Least(long? one, long? other) =>
        one is null || other is null ? one ?? other : Math.Min(one.Value, other.Value);

    private static long? Greatest(long? one, long? other) =>
        one is null || other is null ? one ?? other : Math.Max(one.Value, other.Value);
}
