using System.Text.Json;
using System.Text.Unicode;

namespace LlmProxy.Events;

/// <summary>Turns the bytes that were kept of a body into what an event says of it.</summary>
internal static class CapturedBody
{
    private static ReadOnlySpan<byte> TokenPrefix => "llmp_"u8;

    /// <summary>The body; null when there was none.</summary>
    /// <param name="bytes">What was kept, decoded. Credentials in it are overwritten.</param>
    /// <param name="isCut">More came than was kept.</param>
    /// <param name="contentType">As the message names it.</param>
    /// <param name="providerKey">Is overwritten wherever it stands: a provider may repeat what it was sent.</param>
    public static EventBody? Read(Span<byte> bytes, bool isCut, string? contentType, ReadOnlySpan<byte> providerKey)
    {
        if (bytes.IsEmpty)
        {
            return isCut ? new EventBody { Text = string.Empty, Truncated = true } : null;
        }

        HideTokens(bytes);
        Hide(bytes, providerKey);
        if (!isCut && IsJson(contentType) && TryParse(bytes) is { } json)
        {
            return new EventBody { Json = json };
        }

        var text = isCut ? WithoutCutCharacter(bytes) : bytes;
        return Utf8.IsValid(text)
            ? new EventBody { Text = System.Text.Encoding.UTF8.GetString(text), Truncated = isCut }
            : new EventBody { Base64 = Convert.ToBase64String(bytes), Truncated = isCut };
    }

    private static bool IsJson(string? contentType)
    {
        var type = contentType.AsSpan();
        var end = type.IndexOf(';');
        type = (end < 0 ? type : type[..end]).Trim();
        return type.Equals("application/json", StringComparison.OrdinalIgnoreCase)
            || type.EndsWith("+json", StringComparison.OrdinalIgnoreCase);
    }

    private static JsonElement? TryParse(ReadOnlySpan<byte> bytes)
    {
        try
        {
            var reader = new Utf8JsonReader(bytes);
            var json = JsonElement.ParseValue(ref reader);
            return bytes[(int)reader.BytesConsumed..].TrimStart(" \t\r\n"u8).IsEmpty ? json : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Without the beginning of a character whose rest was not kept.</summary>
    private static Span<byte> WithoutCutCharacter(Span<byte> bytes)
    {
        for (var back = 1; back <= Math.Min(3, bytes.Length); back++)
        {
            var first = bytes[^back];
            if (first >= 0xC0)
            {
                var length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
                return back < length ? bytes[..^back] : bytes;
            }

            if (first < 0x80)
            {
                break;
            }
        }

        return bytes;
    }

    /// <summary>Whatever stands behind the prefix of our tokens is one, or was meant to be.</summary>
    private static void HideTokens(Span<byte> bytes)
    {
        for (var rest = bytes; rest.IndexOf(TokenPrefix) is >= 0 and var at;)
        {
            rest = rest[(at + TokenPrefix.Length)..];
            for (var i = 0; i < rest.Length && IsLetterOrDigit(rest[i]); i++)
            {
                rest[i] = (byte)'*';
            }
        }
    }

    private static void Hide(Span<byte> bytes, ReadOnlySpan<byte> secret)
    {
        for (var rest = bytes; !secret.IsEmpty && rest.IndexOf(secret) is >= 0 and var at;)
        {
            rest.Slice(at, secret.Length).Fill((byte)'*');
            rest = rest[(at + secret.Length)..];
        }
    }

    private static bool IsLetterOrDigit(byte character) => char.IsAsciiLetterOrDigit((char)character);
}
