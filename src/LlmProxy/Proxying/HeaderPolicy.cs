using System.Collections.Frozen;
using LlmProxy.Http;
using Microsoft.Extensions.Primitives;

namespace LlmProxy.Proxying;

/// <summary>
/// Which headers pass, in each direction. The rule is to pass everything; the exceptions are named here and nowhere
/// else: fields that are about one connection (RFC 9110 §7.6.1), the caller's credentials and traces of who the
/// caller is, and on the way back what would set state or open doors in a browser in our name.
/// </summary>
internal static class HeaderPolicy
{
    private static readonly string[] HopByHop =
    [
        "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer",
        "Transfer-Encoding", "Upgrade",
    ];

    private static readonly FrozenSet<string> StaysHere = FrozenSet.ToFrozenSet(
    [
        .. HopByHop,

        // Host and length are written anew by the client; Expect was answered by us.
        "Host", "Content-Length", "X-Content-Length", "Expect", "HTTP2-Settings",

        // Credentials meant for us, wherever a client puts them.
        "Authorization", "X-API-Key", "Api-Key", "X-Goog-Api-Key", "Cookie", "Cookie2",

        // Who the caller is, as other proxies wrote it down.
        "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port",
        "X-Forwarded-Prefix", "X-Forwarded-Server", "X-Forwarded-Scheme", "X-Original-Forwarded-For",
        "X-Original-Host", "X-Original-Proto", "X-Original-URL", "X-Rewrite-URL", "X-Real-IP", "X-Client-IP",
        "X-Cluster-Client-IP", "True-Client-IP", "CF-Connecting-IP", "CF-Connecting-IPv6", "CF-IPCountry",
        "Fastly-Client-IP", "X-Envoy-External-Address",
    ], StringComparer.OrdinalIgnoreCase);

    private static readonly FrozenSet<string> StaysThere = FrozenSet.ToFrozenSet(
        [.. HopByHop, "Content-Length", "Set-Cookie", "Alt-Svc", RequestId.Header],
        StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// Whether a request header goes on to the provider. Fields that <c>Connection</c> lists never do.
    /// </summary>
    public static bool Forwards(string name, StringValues connection) =>
        !StaysHere.Contains(name) && !IsListed(name, connection);

    /// <summary>Whether an answer's header goes on to the client. CORS is ours to decide, not the upstream's.</summary>
    public static bool Returns(string name, StringValues connection) =>
        !StaysThere.Contains(name)
        && !name.StartsWith("Access-Control-", StringComparison.OrdinalIgnoreCase)
        && !IsListed(name, connection);

    private static bool IsListed(string name, StringValues connection)
    {
        // Nearly every request says nothing or one word here.
        for (var i = 0; i < connection.Count; i++)
        {
            var options = connection[i].AsSpan();
            foreach (var option in options.Split(','))
            {
                if (options[option].Trim().Equals(name, StringComparison.OrdinalIgnoreCase))
                {
                    return true;
                }
            }
        }

        return false;
    }
}
