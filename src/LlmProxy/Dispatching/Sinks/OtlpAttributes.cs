using System.Globalization;
using System.Text.Json;

namespace LlmProxy.Dispatching.Sinks;

/// <summary>
/// A list of attributes as OTLP's JSON has it: a 64-bit number is a string, and any value says of which kind it is
/// (https://github.com/open-telemetry/opentelemetry-proto, common/v1/common.proto). What is null is left out.
/// </summary>
internal sealed class OtlpAttributes(Utf8JsonWriter json)
{
    public void Add(string key, string? value)
    {
        if (!string.IsNullOrEmpty(value))
        {
            Open(key);
            json.WriteString("stringValue"u8, value);
            Close();
        }
    }

    public void Add(string key, long? value)
    {
        if (value is { } number)
        {
            Open(key);
            json.WriteString("intValue"u8, number.ToString(CultureInfo.InvariantCulture));
            Close();
        }
    }

    /// <summary>Only when it is not zero: conventions say "when applicable".</summary>
    public void AddSome(string key, long value) => Add(key, value == 0 ? null : value);

    public void Add(string key, double? value)
    {
        if (value is { } number && double.IsFinite(number))
        {
            Open(key);
            json.WriteNumber("doubleValue"u8, number);
            Close();
        }
    }

    /// <summary>Only when it is so.</summary>
    public void Add(string key, bool value)
    {
        if (value)
        {
            Open(key);
            json.WriteBoolean("boolValue"u8, value);
            Close();
        }
    }

    public void Add(string key, IReadOnlyCollection<string>? values)
    {
        if (values is { Count: > 0 })
        {
            Add(key, () =>
            {
                json.WriteStartArray();
                foreach (var value in values)
                {
                    json.WriteStartObject();
                    json.WriteString("stringValue"u8, value);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
            });
        }
    }

    /// <summary>A list whose items are values that <paramref name="writeList"/> writes.</summary>
    public void Add(string key, Action writeList)
    {
        Open(key);
        json.WriteStartObject("arrayValue"u8);
        json.WritePropertyName("values"u8);
        writeList();
        json.WriteEndObject();
        Close();
    }

    /// <summary>Any JSON, as a value.</summary>
    public void Add(string key, JsonElement value)
    {
        if (value.IsThere())
        {
            json.WriteStartObject();
            json.WriteString("key"u8, key);
            json.WritePropertyName("value"u8);
            WriteValue(json, value);
            json.WriteEndObject();
        }
    }

    /// <summary>Any JSON as an <c>AnyValue</c>; null is one that says nothing.</summary>
    public static void WriteValue(Utf8JsonWriter json, JsonElement value)
    {
        json.WriteStartObject();
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                json.WriteStartObject("kvlistValue"u8);
                json.WriteStartArray("values"u8);
                var members = new OtlpAttributes(json);
                foreach (var (name, member) in value.Members())
                {
                    members.Add(name, member);
                }

                json.WriteEndArray();
                json.WriteEndObject();
                break;
            case JsonValueKind.Array:
                json.WriteStartObject("arrayValue"u8);
                json.WriteStartArray("values"u8);
                foreach (var item in value.Items())
                {
                    WriteValue(json, item);
                }

                json.WriteEndArray();
                json.WriteEndObject();
                break;
            case JsonValueKind.Number when value.TryGetInt64(out var whole):
                json.WriteString("intValue"u8, whole.ToString(CultureInfo.InvariantCulture));
                break;
            case JsonValueKind.Number when value.TryGetDouble(out var number) && double.IsFinite(number):
                json.WriteNumber("doubleValue"u8, number);
                break;
            case JsonValueKind.True or JsonValueKind.False:
                json.WriteBoolean("boolValue"u8, value.ValueKind == JsonValueKind.True);
                break;
            case JsonValueKind.Null or JsonValueKind.Undefined:
                break;
            default:
                json.WriteString("stringValue"u8, value.TextOrRaw());
                break;
        }

        json.WriteEndObject();
    }

    private void Open(string key)
    {
        json.WriteStartObject();
        json.WriteString("key"u8, key);
        json.WriteStartObject("value"u8);
    }

    private void Close()
    {
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
