using System.Text.Json;

namespace LlmProxy.Dispatching.Sinks;

/// <summary>Messages in the form of the GenAI conventions, written as values of OTLP's.</summary>
internal static class OtlpMessages
{
    public static void Write(Utf8JsonWriter json, IReadOnlyList<Turn> turns)
    {
        json.WriteStartArray();
        foreach (var turn in turns)
        {
            WriteObject(json, attributes =>
            {
                attributes.Add("role", turn.Role);
                attributes.Add("parts", () => WriteParts(json, turn.Parts));
                attributes.Add("name", turn.Name);

                // The newest conventions have it as an attribute only; those until 1.41 require it here.
                attributes.Add("finish_reason", FinishReasonOf(turn.FinishReason));
            });
        }

        json.WriteEndArray();
    }

    public static void WriteParts(Utf8JsonWriter json, IReadOnlyList<TurnPart> parts)
    {
        json.WriteStartArray();
        foreach (var part in parts)
        {
            WriteObject(json, attributes => AddPart(json, attributes, part));
        }

        json.WriteEndArray();
    }

    private static void AddPart(Utf8JsonWriter json, OtlpAttributes attributes, TurnPart part)
    {
        switch (part)
        {
            case { Kind: PartKind.ToolCall }:
                attributes.Add("type", "tool_call");
                attributes.Add("id", part.Id);
                Always(json, "name", part.Name);
                AddStructured(attributes, "arguments", part.Value);
                break;
            case { Kind: PartKind.ToolResult }:
                attributes.Add("type", "tool_call_response");
                attributes.Add("id", part.Id);
                if (part.Value.IsThere())
                {
                    AddStructured(attributes, "response", part.Value);
                }
                else
                {
                    Always(json, "response", null);
                }

                break;
            case { Kind: PartKind.Media }:
                AddMedia(json, attributes, part);
                break;
            case { Kind: PartKind.Other }:
                attributes.Add("type", part.Value.TextOf("type") is { } kind and not "text" ? kind : "unknown");
                attributes.Add("content", part.Value);
                break;
            default:
                attributes.Add("type", part.Kind switch
                {
                    PartKind.Reasoning => "reasoning",
                    PartKind.Refusal => "refusal",
                    _ => "text",
                });
                Always(json, "content", part.Text);
                break;
        }
    }

    private static void AddMedia(Utf8JsonWriter json, OtlpAttributes attributes, TurnPart media)
    {
        var (type, member, value) = media switch
        {
            { Uri: { } uri } => ("uri", "uri", uri),
            { Id: { } id } => ("file", "file_id", id),
            _ => ("blob", "content", media.Text),
        };
        attributes.Add("type", type);
        attributes.Add("modality", media.Modality);
        attributes.Add("mime_type", media.MediaType);
        Always(json, member, value);
    }

    /// <summary>Arguments come as a text that is JSON; the conventions want what it says.</summary>
    private static void AddStructured(OtlpAttributes attributes, string key, JsonElement value)
    {
        var parsed = value.Text() is { } text ? JsonPieces.ParseContainer(text) : default;
        attributes.Add(key, parsed.IsThere() ? parsed : value);
    }

    /// <summary>A member that the schema requires, even if it is empty.</summary>
    private static void Always(Utf8JsonWriter json, string key, string? value)
    {
        json.WriteStartObject();
        json.WriteString("key"u8, key);
        json.WriteStartObject("value"u8);
        json.WriteString("stringValue"u8, value ?? string.Empty);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteObject(Utf8JsonWriter json, Action<OtlpAttributes> add)
    {
        json.WriteStartObject();
        json.WriteStartObject("kvlistValue"u8);
        json.WriteStartArray("values"u8);
        add(new OtlpAttributes(json));
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static string? FinishReasonOf(string? reason) => reason switch
    {
        "tool_calls" or "tool_use" or "function_call" => "tool_call",
        "end_turn" or "stop_sequence" or "completed" => "stop",
        "max_tokens" or "max_output_tokens" => "length",
        "refusal" => "content_filter",
        "failed" or "incomplete" or "cancelled" => "error",
        _ => reason,
    };
}
