using System.Globalization;
using System.Net;

namespace LlmProxy.Settings;

/// <summary>
/// Where to listen: <c>host:port</c>, or Go's <c>:port</c> for every interface. Port 0 lets the system choose.
/// </summary>
internal sealed record ListenAddress(IReadOnlyList<IPEndPoint> EndPoints)
{
    /// <summary>Completes "must be …" in a complaint.</summary>
    public const string Expected = "host:port or :port, such as 127.0.0.1:8080";

    /// <summary>
    /// Null for what is not an address; only literal addresses and <c>localhost</c> are names we know.
    /// </summary>
    public static ListenAddress? Parse(string text)
    {
        var colon = text.LastIndexOf(':');
        if (colon < 0 || !ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture,
            out var port))
        {
            return null;
        }

        var host = text[..colon];
        return host switch
        {
            "" or "*" => new([new IPEndPoint(IPAddress.IPv6Any, port)]),
            // With port 0 two sockets would get two ports.
            "localhost" when port == 0 => new([new IPEndPoint(IPAddress.Loopback, port)]),
            "localhost" =>
                new([new IPEndPoint(IPAddress.Loopback, port), new IPEndPoint(IPAddress.IPv6Loopback, port)]),
            _ => ParseLiteral(host, port),
        };
    }

    private static ListenAddress? ParseLiteral(string host, int port)
    {
        var bracketed = host.StartsWith('[') && host.EndsWith(']');
        return IPAddress.TryParse(bracketed ? host[1..^1] : host, out var address)
            && bracketed == (address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6)
            ? new([new IPEndPoint(address, port)])
            : null;
    }
}
