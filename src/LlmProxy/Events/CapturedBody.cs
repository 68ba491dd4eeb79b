using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;

namespace LlmProxy.Events;

/// <summary>Turns the bytes that were kept of a body into what an event says of it.</summary>
internal static class CapturedBody
{
    /// <summary>A shorter beginning of a secret tells nothing that is not told by whose it is.</summary>
    private const int BeginningMin = 8;

    private static readonly SearchValues<byte> Unescaped = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:="u8);

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
        HideInJson(bytes, providerKey);
        if (isCut)
        {
            HideBeginning(bytes, providerKey);
        }

        if (IsJson(contentType))
        {
            HideEscaped(bytes, providerKey);
        }

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

    /// <summary>As JSON writes it, in text that is none: most keys look the same there.</summary>
    private static void HideInJson(Span<byte> bytes, ReadOnlySpan<byte> secret)
    {
        if (secret.IndexOfAnyExcept(Unescaped) >= 0)
        {
            Hide(bytes, JsonEncodedText.Encode(secret).EncodedUtf8Bytes);
            Hide(bytes, JsonEncodedText.Encode(secret, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).EncodedUtf8Bytes);
        }
    }

    /// <summary>Of what was cut off in the middle of the secret.</summary>
    private static void HideBeginning(Span<byte> bytes, ReadOnlySpan<byte> secret)
    {
        for (var length = Math.Min(secret.Length - 1, bytes.Length); length >= BeginningMin; length--)
        {
            if (bytes.EndsWith(secret[..length]))
            {
                bytes[^length..].Fill((byte)'*');
                return;
            }
        }
    }

    /// <summary>JSON may write any character as an escape, and whoever reads it has the secret again.</summary>
    private static void HideEscaped(Span<byte> json, ReadOnlySpan<byte> secret)
    {
        // Secrets are ASCII: most texts have no escape that one could be written with.
        if (json.IndexOf("\\u00"u8) < 0 && json.IndexOf("\\/"u8) < 0 && secret.IndexOfAny((byte)'"', (byte)'\\') < 0)
        {
            return;
        }

        var reader = new Utf8JsonReader(json, isFinalBlock: false, default);
        try
        {
            while (reader.Read())
            {
                if (reader is { TokenType: JsonTokenType.String or JsonTokenType.PropertyName, ValueIsEscaped: true }
                    && IsIn(reader, secret))
                {
                    json.Slice((int)reader.TokenStartIndex + 1, reader.ValueSpan.Length).Fill((byte)'*');
                }
            }
        }
        catch (JsonException)
        {
            // From here on it is text, which nobody unescapes.
        }
    }

    private static bool IsIn(in Utf8JsonReader text, ReadOnlySpan<byte> secret)
    {
        var plain = ArrayPool<byte>.Shared.Rent(text.ValueSpan.Length);
        try
        {
            ReadOnlySpan<byte> read = plain.AsSpan(0, text.CopyString(plain));
            return (!secret.IsEmpty && read.IndexOf(secret) >= 0)
                || (read.IndexOf(TokenPrefix) is >= 0 and var at
                    && read.Length - at - TokenPrefix.Length >= BeginningMin
                    && !read.Slice(at + TokenPrefix.Length, BeginningMin).Contains((byte)' '));
        }
        catch (InvalidOperationException)
        {
            // Half a character, which cannot be written otherwise.
            return false;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(plain);
        }
    }

    private static bool IsLetterOrDigit(byte character) => char.IsAsciiLetterOrDigit((char)character);
}
