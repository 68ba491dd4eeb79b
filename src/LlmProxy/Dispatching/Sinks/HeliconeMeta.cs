using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using LlmProxy.Events;

namespace LlmProxy.Dispatching.Sinks;

/// <summary>
/// Whose exchange it was: <c>meta</c>, which Helicone reads as if they were headers
/// (https://docs.helicone.ai/helicone-headers/header-directory). Those of the client's own are handed on.
/// </summary>
internal static class HeliconeMeta
{
    private const string Property = "helicone-property-";

    // Names as they come in an event, and as Helicone writes them.
    private static readonly (string Of, string As)[] HandedOn =
    [
        ("helicone-user-id", "Helicone-User-Id"),
        ("helicone-session-id", "Helicone-Session-Id"),
        ("helicone-session-path", "Helicone-Session-Path"),
        ("helicone-session-name", "Helicone-Session-Name"),
    ];

    public static void Write(Utf8JsonWriter json, ExchangeEvent exchange)
    {
        var meta = new SortedDictionary<string, string>(StringComparer.OrdinalIgnoreCase)
        {
            ["Helicone-Request-Id"] = RequestIdOf(exchange.EventId),
        };
        var headers = exchange.Request.Headers ?? new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (of, target) in HandedOn.Where(pair => headers.ContainsKey(pair.Of)))
        {
            meta[target] = headers[of];
        }

        foreach (var (name, value) in headers.Where(static header =>
            header.Key.Length > Property.Length && header.Key.StartsWith(Property, StringComparison.Ordinal)))
        {
            meta[$"Helicone-Property-{name[Property.Length..]}"] = value;
        }

        // Ours last: no header of a client's passes for one of them.
        (string Name, string? Value)[] ours =
        [
            ("Project-Id", exchange.ProjectId), ("Token-Id", exchange.TokenId), ("Provider", exchange.Provider),
            ("Proxy-Request-Id", exchange.RequestId), ("Path", exchange.Path), ("Outcome", exchange.Outcome),
            ("Refusal", exchange.Refusal), ("Cache", exchange.Cache), ("Cost-Usd", exchange.CostUsd),
            ("Stream", exchange.Stream ? "true" : null),
        ];
        foreach (var (name, value) in ours)
        {
            meta.Remove($"Helicone-Property-{name}");
            if (!string.IsNullOrEmpty(value))
            {
                meta[$"Helicone-Property-{name}"] = value;
            }
        }

        json.WriteStartObject("meta"u8);
        foreach (var (name, value) in meta.Where(static pair => IsToken(pair.Key)))
        {
            json.WriteString(name, HeaderText(value));
        }

        json.WriteEndObject();
    }

    public static void WriteHeaders(Utf8JsonWriter json, IReadOnlyDictionary<string, string>? headers)
    {
        json.WriteStartObject("headers"u8);
        foreach (var (name, value) in (headers ?? new Dictionary<string, string>(StringComparer.Ordinal))
            .Where(static header => IsToken(header.Key)))
        {
            json.WriteString(name, HeaderText(value));
        }

        json.WriteEndObject();
    }

    /// <summary>
    /// The same for every delivery of an event, so that Helicone keeps one. It takes UUIDs of the versions 1 to 5 only
    /// and makes a random one of any other, ours included.
    /// </summary>
    public static string RequestIdOf(string eventId)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(eventId)).AsSpan(0, 16);
        hash[6] = (byte)((hash[6] & 0x0F) | 0x50);
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new Guid(hash, bigEndian: true).ToString();
    }

    /// <summary>Helicone makes headers of these, and a letter beyond Latin-1 would fail the whole request.</summary>
    private static string HeaderText(string value) =>
        value.AsSpan().ContainsAnyExceptInRange(' ', 'ÿ') || value.AsSpan().ContainsAnyInRange('\u007F', '\u009F')
            ? Uri.EscapeDataString(value)
            : value.Trim();

    private static bool IsToken(string name) =>
        name.Length > 0 && name.All(static letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.');
}
