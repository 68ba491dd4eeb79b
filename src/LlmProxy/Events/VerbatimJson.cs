using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace LlmProxy.Events;

/// <summary>
/// Writes JSON as it came, but on one line: numbers keep their digits, and strings what no encoder would write, such as
/// half of a surrogate pair, which providers and clients do send.
/// </summary>
internal sealed class VerbatimJson : JsonConverter<JsonElement?>
{
    public override JsonElement? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        JsonElement.ParseValue(ref reader);

    public override void Write(Utf8JsonWriter writer, JsonElement? value, JsonSerializerOptions options)
    {
        var json = JsonMarshal.GetRawUtf8Value(value!.Value);
        if (json.IndexOfAny((byte)'\n', (byte)'\r') < 0)
        {
            writer.WriteRawValue(json, skipInputValidation: true);
            return;
        }

        // Between values only: no string holds one that is not escaped.
        var line = json.ToArray();
        line.AsSpan().Replace((byte)'\n', (byte)' ');
        line.AsSpan().Replace((byte)'\r', (byte)' ');
        writer.WriteRawValue(line, skipInputValidation: true);
    }
}
