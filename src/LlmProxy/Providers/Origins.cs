using System.Buffers;

namespace LlmProxy.Providers;

/// <summary>How the origin of a web page is written in a list (RFC 6454 §6.2, as browsers send it).</summary>
internal static class Origins
{
    private static readonly SearchValues<char> NoHostCharacters = SearchValues.Create(@"/?#@\,*");

    /// <summary>
    /// Null when a browser may send this origin, else a clause that says what is wrong with it. An entry that no
    /// browser would ever send is a mistake that nobody would find.
    /// </summary>
    public static string? FaultOf(string origin)
    {
        var colon = origin.IndexOf("://", StringComparison.Ordinal);
        var host = colon < 0 ? string.Empty : origin[(colon + "://".Length)..];
        return origin switch
        {
            "*" => "is not supported: every origin is listed by itself",
            "null" => "is what pages without an origin send, so it would let all of them in",
            _ when host.Length == 0 => "must be scheme://host or scheme://host:port",
            _ when origin.AsSpan().ContainsAnyExceptInRange('!', '~') || host.AsSpan().ContainsAny(NoHostCharacters) =>
                "must be scheme://host or scheme://host:port, without a path or a closing slash",
            _ when origin.Any(char.IsAsciiLetterUpper) => "has a capital letter, which browsers never send here",
            _ when Uri.TryCreate(origin, UriKind.Absolute, out var url) && url.IsDefaultPort && HasPort(host) =>
                "names the scheme's own port, which browsers leave out",
            _ => null,
        };
    }

    private static bool HasPort(string host) => host.AsSpan().TrimEnd("0123456789") is [.., ':'];
}
