using System.Buffers;
using System.Collections.Frozen;

namespace LlmProxy.Providers;

/// <summary>
/// The endpoints of a provider that may be called. A pattern stands for whole segments: <c>/v1/models</c> for itself
/// only, a <c>*</c> between slashes for any one segment, a closing <c>/*</c> for everything below. Case counts, and so
/// does a slash at the end.
/// </summary>
internal sealed class EndpointList
{
    private static readonly SearchValues<char> SegmentCharacters = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()+,;=:@");

    private readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> _exact;
    private readonly (string Above, string Pattern)[] _below;
    private readonly (string[] Segments, string Pattern)[] _segmented;

    public EndpointList(IReadOnlyList<string> patterns)
    {
        Patterns = patterns;
        _exact = patterns.Where(static pattern => !pattern.Contains('*', StringComparison.Ordinal))
            .ToFrozenSet(StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();
        _below = [.. patterns.Where(HasOnlyClosingStar).Select(static pattern => (pattern[..^1], pattern))];
        _segmented = [.. patterns.Where(static pattern => pattern.Contains('*', StringComparison.Ordinal))
            .Where(static pattern => !HasOnlyClosingStar(pattern))
            .Select(static pattern => (pattern[1..].Split('/'), pattern))];
    }

    public IReadOnlyList<string> Patterns { get; }

    /// <summary>Null when the pattern is well formed, else a clause that says what is wrong with it.</summary>
    public static string? FaultOf(string pattern)
    {
        if (!pattern.StartsWith('/'))
        {
            return "must start with '/'";
        }

        foreach (var segment in pattern[1..].Split('/'))
        {
            switch (segment)
            {
                case "*":
                    continue;
                case "":
                    return "has an empty segment; to allow all that is below write '/*' at the end";
                case "." or "..":
                    return "has a dot segment";
                case var _ when segment.Contains('*', StringComparison.Ordinal):
                    return "has a '*' that is not a whole segment";
                case var _ when segment.AsSpan().ContainsAnyExcept(SegmentCharacters):
                    return "has a character that an endpoint cannot have (a query is never part of it)";
                default:
                    continue;
            }
        }

        return null;
    }

    /// <summary>Whether the decoded path, as it is appended to the base URL, is one of these endpoints.</summary>
    public bool Contains(ReadOnlySpan<char> path) => Find(path) is not null;

    /// <summary>The pattern that the decoded path meets, an exact one first; null when it meets none.</summary>
    public string? Find(ReadOnlySpan<char> path)
    {
        if (_exact.TryGetValue(path, out var exact))
        {
            return exact;
        }

        foreach (var (above, pattern) in _below)
        {
            if (path.Length > above.Length && path.StartsWith(above, StringComparison.Ordinal))
            {
                return pattern;
            }
        }

        foreach (var (segments, pattern) in _segmented)
        {
            if (Matches(segments, path))
            {
                return pattern;
            }
        }

        return null;
    }

    private static bool HasOnlyClosingStar(string pattern) =>
        pattern.EndsWith("/*", StringComparison.Ordinal)
        && pattern.IndexOf('*', StringComparison.Ordinal) == pattern.Length - 1;

    private static bool Matches(string[] pattern, ReadOnlySpan<char> path)
    {
        if (path.IsEmpty)
        {
            return false;
        }

        var rest = path[1..];
        for (var i = 0; i < pattern.Length; i++)
        {
            if (i == pattern.Length - 1 && pattern[i] == "*")
            {
                return !rest.IsEmpty;
            }

            var slash = rest.IndexOf('/');
            var segment = slash < 0 ? rest : rest[..slash];
            if (pattern[i] == "*" ? segment.IsEmpty : !segment.SequenceEqual(pattern[i]))
            {
                return false;
            }

            // The last of the pattern must meet the last of the path, and no other may.
            if (slash < 0 != (i == pattern.Length - 1))
            {
                return false;
            }

            rest = slash < 0 ? default : rest[(slash + 1)..];
        }

        return true;
    }
}
