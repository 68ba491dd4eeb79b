using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using LlmProxy.Http;

namespace LlmProxy.Events.Assembly;

/// <summary>
/// Strings of JSON as they are written, with their escapes: increments are joined, cut and mended without being
/// decoded, so that a character that two events share is whole again.
/// </summary>
internal static class JsonText
{
    /// <summary>
    /// Deeper events are not read, so that what is made of them can be read: most readers stop at 64.
    /// </summary>
    public const int DepthMax = 48;

    private const int EscapeLength = 6; // \uXXXX

    private static readonly JsonReaderOptions Options = new() { MaxDepth = DepthMax };

    private static ReadOnlySpan<byte> Space => " \t\r\n"u8;

    /// <summary>At the first token of that JSON text.</summary>
    public static Utf8JsonReader Open(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, Options);
        reader.Read();
        return reader;
    }

    public static ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> text) => text.Trim(Space);

    /// <summary>The value that the reader is at, as it is written; the reader is at its end then.</summary>
    public static ReadOnlySpan<byte> RawOf(ref Utf8JsonReader reader, ReadOnlySpan<byte> json)
    {
        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        return json[start..(int)reader.BytesConsumed];
    }

    /// <summary>Whether a value says nothing: null, "", [] or {}.</summary>
    public static bool IsNothing(ReadOnlySpan<byte> raw) =>
        raw.IsEmpty
        || (raw.Length == 4 && raw.SequenceEqual("null"u8))
        || raw.SequenceEqual("\"\""u8)
        || (raw[0] is (byte)'[' or (byte)'{' && raw[1..^1].IndexOfAnyExcept(Space) < 0);

    /// <summary>What is between the quotes of a string; false for what is no string.</summary>
    public static bool TryUnquote(ReadOnlySpan<byte> raw, out ReadOnlySpan<byte> escaped)
    {
        var isString = raw.Length >= 2 && raw[0] == '"';
        escaped = isString ? raw[1..^1] : default;
        return isString;
    }

    /// <summary>A short string; null for what is none.</summary>
    public static string? ShortOf(ReadOnlySpan<byte> raw)
    {
        if (!TryUnquote(raw, out var escaped) || escaped.IsEmpty || escaped.Length > 256)
        {
            return null;
        }

        if (!escaped.Contains((byte)'\\'))
        {
            return Encoding.UTF8.GetString(escaped);
        }

        Span<byte> text = stackalloc byte[256];
        return TryUnescape(raw, text, out var length) ? Encoding.UTF8.GetString(text[..length]) : null;
    }

    /// <summary>It is one complete JSON value.</summary>
    public static bool IsValid(ReadOnlySpan<byte> json)
    {
        try
        {
            var reader = new Utf8JsonReader(json, Options);
            while (reader.Read())
            {
            }

            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>
    /// The length of the longest beginning that is no longer than <paramref name="max"/> and splits no escape, no pair
    /// of surrogates and no character.
    /// </summary>
    public static int CutAt(ReadOnlySpan<byte> escaped, int max)
    {
        if (max >= escaped.Length)
        {
            return escaped.Length;
        }

        var at = 0;
        while (at < max)
        {
            var length = escaped[at..max].IndexOf((byte)'\\');
            if (length < 0)
            {
                break;
            }

            var end = at + length + UnitLength(escaped[(at + length)..]);
            if (end > max)
            {
                return at + length;
            }

            at = end;
        }

        while (max > at && (escaped[max] & 0xC0) == 0x80)
        {
            max--;
        }

        return max;
    }

    /// <summary>
    /// The same JSON with U+FFFD for what no reader would take: bytes that are no UTF-8, and halves of surrogate pairs.
    /// </summary>
    public static byte[] Mended(ReadOnlySpan<byte> json)
    {
        var mended = Utf8.IsValid(json) ? json.ToArray() : Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(json));
        if (mended.AsSpan().IndexOf("\\ud"u8) >= 0 || mended.AsSpan().IndexOf("\\uD"u8) >= 0)
        {
            MendSurrogates(mended);
        }

        return mended;
    }

    /// <summary>
    /// Writes the JSON value that an escaped text is, as a value; or as a string when it is none, or was cut.
    /// </summary>
    public static void WriteInput(ReadOnlySpan<byte> escaped, ref PooledBytes output)
    {
        var buffer = ArrayPool<byte>.Shared.Rent((2 * escaped.Length) + 2);
        try
        {
            var quoted = buffer.AsSpan(0, escaped.Length + 2);
            (quoted[0], quoted[^1]) = ((byte)'"', (byte)'"');
            escaped.CopyTo(quoted[1..]);
            var text = buffer.AsSpan(quoted.Length);
            var isJson = TryUnescape(quoted, text, out var length) && IsValid(text[..length]);
            output.Append(isJson ? Trim(text[..length]) : quoted);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>
    /// Writes base64 whose increments were padded each for itself as one; as it is when it is none, or was cut.
    /// </summary>
    public static void WriteBase64(ReadOnlySpan<byte> text, ref PooledBytes output)
    {
        output.Append("\""u8);
        var padding = text.IndexOf((byte)'=');
        if (padding < 0 || text[padding..].TrimStart((byte)'=').IsEmpty || text.Length % 4 != 0)
        {
            output.Append(text);
        }
        else
        {
            WriteJoined(text, ref output);
        }

        output.Append("\""u8);
    }

    private static void WriteJoined(ReadOnlySpan<byte> text, ref PooledBytes output)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(text.Length * 2);
        try
        {
            var plain = 0;
            for (var at = 0; at < text.Length; at += 4)
            {
                var status = Base64.DecodeFromUtf8(text.Slice(at, 4), buffer.AsSpan(plain), out _, out var written);
                if (status != OperationStatus.Done)
                {
                    output.Append(text);
                    return;
                }

                plain += written;
            }

            var coded = buffer.AsSpan(plain);
            Base64.EncodeToUtf8(buffer.AsSpan(0, plain), coded, out _, out var length);
            output.Append(coded[..length]);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static bool TryUnescape(ReadOnlySpan<byte> quoted, Span<byte> text, out int length)
    {
        try
        {
            var reader = Open(quoted);
            length = reader.CopyString(text);
            return true;
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException)
        {
            // Halves of surrogate pairs.
            length = 0;
            return false;
        }
    }

    /// <summary>The length of the escape that the text begins with, both halves of a pair together.</summary>
    private static int UnitLength(ReadOnlySpan<byte> text)
    {
        if (text.Length < EscapeLength || text[1] != 'u')
        {
            return 2;
        }

        return char.IsHighSurrogate(CodeOf(text)) && IsLowSurrogate(text[EscapeLength..])
            ? 2 * EscapeLength
            : EscapeLength;
    }

    private static bool IsLowSurrogate(ReadOnlySpan<byte> text) =>
        text.Length >= EscapeLength && text[0] == '\\' && text[1] == 'u' && char.IsLowSurrogate(CodeOf(text));

    private static char CodeOf(ReadOnlySpan<byte> escape) =>
        ushort.TryParse(
            escape[2..EscapeLength], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code)
            ? (char)code
            : '\0';

    private static void MendSurrogates(Span<byte> json)
    {
        // In JSON a backslash is nowhere but in strings.
        for (int length; (length = json.IndexOf((byte)'\\')) >= 0;)
        {
            json = json[length..];
            var unit = Math.Min(UnitLength(json), json.Length);
            if (unit == EscapeLength && char.IsSurrogate(CodeOf(json)))
            {
                "\\ufffd"u8.CopyTo(json);
            }

            json = json[unit..];
        }
    }
}
