using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace LlmProxy.Dispatching.Sinks;

/// <summary>
/// Reads JSON that anybody may have made, and writes such JSON into other JSON. Total: what is missing, of another kind
/// or not even text (a lone surrogate) is passed over, and nothing throws.
/// </summary>
internal static class JsonPieces
{
    private static readonly JsonWriterOptions Plain = new()
    {
        // Not for HTML: without this, every letter beyond ASCII would take six bytes.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
        MaxDepth = 1000,
    };

    /// <summary>What <paramref name="write"/> writes.</summary>
    public static byte[] Write(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
#pragma warning disable MA0045 // It writes to memory, where nothing has to be waited for.
        using (var json = new Utf8JsonWriter(buffer, Plain))
        {
            write(json);
        }

#pragma warning restore MA0045
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>The pieces with commas between them, in an envelope.</summary>
    public static byte[] Join(
        ReadOnlySpan<byte> head, IEnumerable<ReadOnlyMemory<byte>> pieces, ReadOnlySpan<byte> tail)
    {
        var buffer = new ArrayBufferWriter<byte>(64 * 1024);
        buffer.Write(head);
        var next = ""u8;
        foreach (var piece in pieces)
        {
            buffer.Write(next);
            buffer.Write(piece.Span);
            next = ","u8;
        }

        buffer.Write(tail);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>The member; undefined for what is no object, has no such member, or has null there.</summary>
    public static JsonElement Member(this JsonElement element, string name)
    {
        try
        {
            return element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var member)
                && member.ValueKind != JsonValueKind.Null
                    ? member
                    : default;
        }
        catch (InvalidOperationException)
        {
            // A member's name is no text.
            return default;
        }
    }

    /// <summary>The items of an array; none of anything else.</summary>
    public static IEnumerable<JsonElement> Items(this JsonElement element) =>
        element.ValueKind == JsonValueKind.Array ? element.EnumerateArray() : [];

    public static bool IsThere(this JsonElement element) =>
        element.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null);

    /// <summary>The text of a string; null of anything else.</summary>
    public static string? Text(this JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.String)
        {
            return null;
        }

        try
        {
            return element.GetString();
        }
        catch (InvalidOperationException)
        {
            return element.Raw();
        }
    }

    /// <summary>The text of the first member of these names that is a string.</summary>
    public static string? TextOf(this JsonElement element, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (element.Member(name).Text() is { } text)
            {
                return text;
            }
        }

        return null;
    }

    /// <summary>The JSON as it was written.</summary>
    public static string Raw(this JsonElement element) =>
        element.ValueKind == JsonValueKind.Undefined
            ? string.Empty
            : Encoding.UTF8.GetString(JsonMarshal.GetRawUtf8Value(element));

    /// <summary>A string's text, or else the JSON as it was written.</summary>
    public static string TextOrRaw(this JsonElement element) => element.Text() ?? element.Raw();

    /// <summary>Writes the element as it was written; null for an undefined one.</summary>
    public static void WriteRaw(this Utf8JsonWriter json, JsonElement element)
    {
        if (element.ValueKind == JsonValueKind.Undefined)
        {
            json.WriteNullValue();
        }
        else
        {
            json.WriteRawValue(JsonMarshal.GetRawUtf8Value(element), skipInputValidation: true);
        }
    }

    /// <summary>Writes a member that has a value; nothing otherwise.</summary>
    public static void WriteText(this Utf8JsonWriter json, string name, string? value)
    {
        if (value is not null)
        {
            json.WriteString(name, value);
        }
    }

    /// <summary>The object or array that the text is; undefined when it is none.</summary>
    public static JsonElement ParseContainer(string text)
    {
        if (!text.AsSpan().TrimStart().StartsWith('{') && !text.AsSpan().TrimStart().StartsWith('['))
        {
            return default;
        }

        try
        {
            using var document = JsonDocument.Parse(text);
            return document.RootElement.Clone();
        }
        catch (Exception failure) when (failure is JsonException or ArgumentException)
        {
            return default;
        }
    }

    /// <summary>The members of an object; none of anything else.</summary>
    public static IEnumerable<(string Name, JsonElement Value)> Members(this JsonElement element) =>
        element.ValueKind == JsonValueKind.Object
            ? element.EnumerateObject().Select(static member => (NameOf(member), member.Value))
            : [];

    private static string NameOf(JsonProperty member)
    {
        try
        {
            return member.Name;
        }
        catch (InvalidOperationException)
        {
            return Encoding.UTF8.GetString(JsonMarshal.GetRawUtf8PropertyName(member));
        }
    }
}
