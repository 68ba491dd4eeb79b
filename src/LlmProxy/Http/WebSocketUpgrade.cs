using Microsoft.AspNetCore.Http.Features;

namespace LlmProxy.Http;

/// <summary>
/// Whether a client asks to leave HTTP for WebSocket (RFC 6455 §4.1). No other protocol is passed on: Java's client,
/// for one, offers <c>h2c</c> on every request, and an upstream that took it would be a tunnel past every rule.
/// </summary>
internal static class WebSocketUpgrade
{
    public const string Protocol = "websocket";

    public static bool IsAskedBy(HttpContext http) =>
        http.Features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true }
        && http.Request.Headers.Upgrade is [{ } protocol]
        && protocol.Equals(Protocol, StringComparison.OrdinalIgnoreCase);
}
