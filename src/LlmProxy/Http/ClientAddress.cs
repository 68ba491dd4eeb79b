using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using Microsoft.Extensions.Primitives;

namespace LlmProxy.Http;

/// <summary>
/// Who the client is. The peer, unless the peer is a proxy that the operator trusts: then what it says in
/// <c>X-Forwarded-For</c>. Each proxy appends whom it was called by, so the list is read from its right end, and only
/// what trusted proxies wrote is believed; the rest of it is whatever the client liked to send.
/// </summary>
internal static class ClientAddress
{
    private const string Header = "X-Forwarded-For";

    // More proxies than anybody has in a row; it bounds the work that a long header makes.
    private const int EntriesMax = 64;

    // "[" + the longest IPv6 text (45) + "]:65535".
    private const int CharactersMax = 53;

    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789");

    // IPAddress.TryParse takes scopes, prefixes and brackets too.
    private static readonly SearchValues<char> AddressCharacters = SearchValues.Create("0123456789abcdefABCDEF:.");

    /// <summary>
    /// Lets the connection tell the client's address instead of the peer's, to all who ask after this: the limits, the
    /// log, the login of the management API.
    /// </summary>
    public static void Establish(HttpContext http, TrustedProxies trusted)
    {
        if (!trusted.IsEmpty)
        {
            http.Connection.RemoteIpAddress =
                Of(http.Connection.RemoteIpAddress, http.Request.Headers[Header], trusted);
        }
    }

    /// <summary>
    /// The right-most address that is no trusted proxy; when all are, the left-most. What is no address ends the list.
    /// </summary>
    public static IPAddress? Of(IPAddress? peer, StringValues forwarded, TrustedProxies trusted)
    {
        var client = peer;
        var entriesLeft = EntriesMax;
        for (var line = forwarded.Count - 1; line >= 0; line--)
        {
            var rest = forwarded[line].AsSpan();
            while (client is not null && trusted.Contains(client))
            {
                var comma = rest.LastIndexOf(',');
                var entry = rest[(comma + 1)..].Trim(" \t");
                if (entriesLeft-- == 0 || !entry.IsEmpty && !TryParseEntry(entry, ref client))
                {
                    return client;
                }

                // An empty member counts for nothing (RFC 9110 §5.6.1.2).
                if (comma < 0)
                {
                    break;
                }

                rest = rest[..comma];
            }
        }

        return client;
    }

    /// <summary>
    /// An address as one writes it: four decimal numbers, or IPv6 without a scope. IPv4-mapped IPv6 becomes IPv4.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<char> text, [NotNullWhen(true)] out IPAddress? address)
    {
        address = null;
        if (text.ContainsAnyExcept(AddressCharacters) || !IPAddress.TryParse(text, out var parsed))
        {
            return false;
        }

        // "1" and "010.1" are addresses to IPAddress, of which nobody can say which ones were meant.
        if (!text.Contains(':') && !text.SequenceEqual(parsed.ToString()))
        {
            return false;
        }

        address = parsed.IsIPv4MappedToIPv6 ? parsed.MapToIPv4() : parsed;
        return true;
    }

    /// <summary>An address, with or without a port; IPv6 with a port has brackets (RFC 3986 §3.2.2).</summary>
    private static bool TryParseEntry(ReadOnlySpan<char> entry, ref IPAddress address)
    {
        if (entry.Length > CharactersMax)
        {
            return false;
        }

        var host = entry;
        var port = ReadOnlySpan<char>.Empty;
        var isBracketed = entry[0] == '[';
        var end = isBracketed ? entry.IndexOf(']') : entry.IndexOf(':');
        if (isBracketed)
        {
            if (end < 0)
            {
                return false;
            }

            host = entry[1..end];
            port = entry[(end + 1)..];
        }
        else if (end >= 0 && entry.LastIndexOf(':') == end)
        {
            host = entry[..end];
            port = entry[end..];
        }

        if (!IsPort(port) || isBracketed && !host.Contains(':') || !TryParse(host, out var parsed))
        {
            return false;
        }

        address = parsed;
        return true;
    }

    private static bool IsPort(ReadOnlySpan<char> port) =>
        port.IsEmpty || port is [':', _, ..] && !port[1..].ContainsAnyExcept(Digits);
}
