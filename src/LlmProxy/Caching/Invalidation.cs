namespace LlmProxy.Caching;

/// <summary>What an unsafe request makes invalid (RFC 9111 §4.4).</summary>
internal static class Invalidation
{
    /// <summary>
    /// The raw targets, path and query behind the provider's base path, of which stored answers must go; none after a
    /// safe method or an error.
    /// </summary>
    /// <param name="method">The request's. One that is not known is not safe.</param>
    /// <param name="status">The answer's.</param>
    /// <param name="answer">Its fields.</param>
    /// <param name="baseUrl">The provider's: origin and base path.</param>
    /// <param name="target">The request's path and query behind the base path.</param>
    public static IReadOnlyList<string> Targets(
        string method, int status, IReadOnlyList<HeaderField> answer, Uri baseUrl, string target)
    {
        if (status is < 200 or >= 400 || HttpMethods.IsGet(method) || HttpMethods.IsHead(method)
            || HttpMethods.IsOptions(method) || HttpMethods.IsTrace(method))
        {
            return [];
        }

        var location = Resolve(answer, "Location", baseUrl, target);
        var content = Resolve(answer, "Content-Location", baseUrl, target);
        if (location is null && content is null)
        {
            return [target];
        }

        var targets = new HashSet<string>(StringComparer.Ordinal) { target };
        targets.UnionWith(new[] { location, content }.OfType<string>());
        return [.. targets];
    }

    /// <summary>
    /// The target that a field refers to (RFC 3986 §5.2); null when there is none, or when it is not of the same origin
    /// (nobody may make others' answers invalid), or not behind the base path (we have none of it).
    /// </summary>
    private static string? Resolve(IReadOnlyList<HeaderField> answer, string name, Uri baseUrl, string target)
    {
        if (answer.Find(name) is not { Count: 1 } lines || lines[0] is not { Length: > 0 } text)
        {
            return null;
        }

        var fragment = text.IndexOf('#', StringComparison.Ordinal);
        text = fragment < 0 ? text : text[..fragment];
        var basePath = baseUrl.AbsolutePath.TrimEnd('/');
        if (!Uri.TryCreate(baseUrl, basePath + target, out var request)
            || !Uri.TryCreate(request, text, out var resolved)
            || resolved.Scheme != baseUrl.Scheme || resolved.Host != baseUrl.Host || resolved.Port != baseUrl.Port)
        {
            return null;
        }

        var pathAndQuery = AsWritten(text) ?? resolved.PathAndQuery;
        return !pathAndQuery.StartsWith(basePath, StringComparison.Ordinal) ? null
            : pathAndQuery.Length == basePath.Length ? "/"
            : pathAndQuery[basePath.Length] is '/' ? pathAndQuery[basePath.Length..]
            : null;
    }

    /// <summary>
    /// Path and query letter by letter, since that is what answers are stored under; null where they have to be put
    /// together first.
    /// </summary>
    private static string? AsWritten(string reference)
    {
        var start = 0;
        var authority = reference.IndexOf("//", StringComparison.Ordinal);
        var scheme = reference.AsSpan(0, Math.Max(0, authority));
        if (authority == 0 || (authority > 0 && scheme[^1] == ':' && !scheme.ContainsAny('/', '?')))
        {
            var path = reference.AsSpan(authority + 2).IndexOfAny('/', '?');
            start = path < 0 ? reference.Length : authority + 2 + path;
        }

        return start < reference.Length && reference[start] == '/'
            && !reference.AsSpan(start).Contains("/.", StringComparison.Ordinal)
                ? reference[start..]
                : null;
    }
}
