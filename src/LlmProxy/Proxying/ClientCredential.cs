using LlmProxy.Http;
using LlmProxy.Providers;
using Microsoft.Extensions.Primitives;

namespace LlmProxy.Proxying;

/// <summary>
/// Where a client puts its token: in <c>Authorization: Bearer</c>; where the provider's own clients have another
/// place (<c>x-api-key</c>, or a WebSocket subprotocol, because browsers can set no header there), in that one, so that
/// they too need to change nothing but base URL and key.
/// </summary>
internal static class ClientCredential
{
    private const string Bearer = "Bearer ";
    private const string SubprotocolHeader = "Sec-WebSocket-Protocol";

    // OpenAI's name for it: https://platform.openai.com/docs/guides/realtime-websocket
    private const string Subprotocol = "openai-insecure-api-key.";

    /// <summary>The token's text, not yet looked at; null when there is none, or more than one in one place.</summary>
    public static string? Of(HttpRequest request, ProviderRoute? route)
    {
        var authorization = request.Headers.Authorization;
        if (authorization.Count > 0)
        {
            return authorization.Count == 1 && authorization[0] is { } value
                && value.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)
                ? value[Bearer.Length..].Trim(' ')
                : null;
        }

        if (route?.Provider.Auth is { IsBearer: false } auth)
        {
            return request.Headers[auth.HeaderName] is [var key] ? key : null;
        }

        return WebSocketUpgrade.IsAskedBy(request.HttpContext)
            ? InSubprotocol(request.Headers[SubprotocolHeader])
            : null;
    }

    public static bool IsCarriedBy(string headerName) =>
        headerName.Equals(SubprotocolHeader, StringComparison.OrdinalIgnoreCase);

    /// <summary>The subprotocols without the one that carries a token.</summary>
    public static StringValues RemoveFrom(StringValues offered)
    {
        if (!ProtocolsIn(offered).Any(CarriesToken))
        {
            return offered;
        }

        var joined = string.Join(", ", ProtocolsIn(offered).Where(static name => !CarriesToken(name)));
        return joined.Length == 0 ? StringValues.Empty : joined;
    }

    private static string? InSubprotocol(StringValues offered)
    {
        string? found = null;
        foreach (var name in ProtocolsIn(offered).Where(CarriesToken))
        {
            if (found is not null)
            {
                return null;
            }

            found = name[Subprotocol.Length..];
        }

        return found;
    }

    private static bool CarriesToken(string name) => name.StartsWith(Subprotocol, StringComparison.Ordinal);

    private static IEnumerable<string> ProtocolsIn(StringValues offered) =>
        offered.SelectMany(static line =>
            (line ?? string.Empty).Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries));
}
