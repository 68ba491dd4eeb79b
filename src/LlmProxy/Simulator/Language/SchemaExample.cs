using System.Text.Json;

namespace LlmProxy.Simulator.Language;

/// <summary>Writes a value that satisfies a JSON schema: the arguments of a tool, or a structured answer.</summary>
internal sealed class SchemaExample
{
    // A schema that refers to itself has no smallest value that we could find; these end the search.
    private const int DepthMax = 12;
    private const int NodesMax = 1000;

    private readonly Utf8JsonWriter _json;
    private readonly JsonElement _root;
    private int _nodes;

    private SchemaExample(Utf8JsonWriter json, JsonElement root)
    {
        _json = json;
        _root = root;
    }

    public static void Write(Utf8JsonWriter json, JsonElement schema) =>
        new SchemaExample(json, schema).WriteValue(schema, 0);

    private void WriteValue(JsonElement schema, int depth)
    {
        schema = Resolve(schema);
        if (schema.ValueKind != JsonValueKind.Object || depth > DepthMax || ++_nodes > NodesMax)
        {
            _json.WriteNullValue();
        }
        else if (schema.TryGetProperty("const"u8, out var constant))
        {
            constant.WriteTo(_json);
        }
        else if (FirstOf(schema, "enum"u8) is { } option)
        {
            option.WriteTo(_json);
        }
        else if ((FirstOf(schema, "anyOf"u8) ?? FirstOf(schema, "oneOf"u8) ?? FirstOf(schema, "allOf"u8)) is { } inner)
        {
            WriteValue(inner, depth + 1);
        }
        else
        {
            WriteTyped(schema, depth);
        }
    }

    private void WriteTyped(JsonElement schema, int depth)
    {
        switch (TypeOf(schema))
        {
            case "object":
                WriteObject(schema, depth);
                break;
            case "array":
                _json.WriteStartArray();
                if (schema.TryGetProperty("items"u8, out var items))
                {
                    WriteValue(items, depth + 1);
                }

                _json.WriteEndArray();
                break;
            case "integer" or "number":
                WriteNumber(schema);
                break;
            case "boolean":
                _json.WriteBooleanValue(true);
                break;
            case "null":
                _json.WriteNullValue();
                break;
            default:
                _json.WriteStringValue("example"u8);
                break;
        }
    }

    private void WriteObject(JsonElement schema, int depth)
    {
        _json.WriteStartObject();
        if (schema.TryGetProperty("properties"u8, out var properties) && properties.ValueKind == JsonValueKind.Object)
        {
            foreach (var property in properties.EnumerateObject())
            {
                _json.WritePropertyName(property.Name);
                WriteValue(property.Value, depth + 1);
            }
        }

        _json.WriteEndObject();
    }

    private void WriteNumber(JsonElement schema)
    {
        if (schema.TryGetProperty("minimum"u8, out var minimum) && minimum.ValueKind == JsonValueKind.Number)
        {
            minimum.WriteTo(_json);
        }
        else
        {
            _json.WriteNumberValue(1);
        }
    }

    /// <summary>Follows a local reference such as <c>#/$defs/step</c>.</summary>
    private JsonElement Resolve(JsonElement schema)
    {
        for (var hops = 0; hops < DepthMax && schema.ValueKind == JsonValueKind.Object
            && schema.TryGetProperty("$ref"u8, out var reference); hops++)
        {
            schema = _root;
            foreach (var name in reference.ToString().TrimStart('#').Split('/', StringSplitOptions.RemoveEmptyEntries))
            {
                if (schema.ValueKind != JsonValueKind.Object || !schema.TryGetProperty(name, out schema))
                {
                    return default;
                }
            }
        }

        return schema;
    }

    private static string? TypeOf(JsonElement schema)
    {
        if (!schema.TryGetProperty("type"u8, out var type))
        {
            return schema.TryGetProperty("properties"u8, out _) ? "object" : null;
        }

        var name = type.ValueKind == JsonValueKind.Array && type.GetArrayLength() > 0 ? type[0] : type;
        return name.ValueKind == JsonValueKind.String ? name.GetString() : null;
    }

    private static JsonElement? FirstOf(JsonElement schema, ReadOnlySpan<byte> name) =>
        schema.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array && list.GetArrayLength() > 0
            ? list[0]
            : null;
}
