using System.Collections.Frozen;

namespace LlmProxy.Http;

/// <summary>First path segments that the proxy answers itself; no provider can have one of them as its name.</summary>
internal static class OwnPaths
{
    private static readonly FrozenSet<string> Segments = FrozenSet.ToFrozenSet(
        ["manage", "health", "ready", "live", "docs", "openapi.json", "metrics", "admin"], StringComparer.Ordinal);

    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> BySpan =
        Segments.GetAlternateLookup<ReadOnlySpan<char>>();

    public static IEnumerable<string> All => Segments;

    /// <summary>Whether the path, as sent, is ours: <c>/</c>, or one whose first segment is in the list.</summary>
    public static bool Contains(ReadOnlySpan<char> rawPath)
    {
        var rest = rawPath[1..];
        var slash = rest.IndexOf('/');
        var first = slash < 0 ? rest : rest[..slash];
        return first.IsEmpty || BySpan.Contains(first);
    }
}
