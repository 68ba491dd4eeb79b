using System.Text.Json;

namespace LlmProxy.Dispatching.Sinks;

/// <summary>
/// Messages as Lunary shows them: OpenAI's chat messages. What came in that form goes out as it came, with the members
/// that the lunary SDK takes over; what came in another is put into it, as the SDK does for Anthropic.
/// </summary>
internal static class LunaryMessages
{
    private static readonly string[] Members =
    [
        "role", "content", "audio", "refusal", "reasoning_content", "function_call", "tool_calls", "tool_call_id",
        "name",
    ];

    /// <param name="json">Where it is written to.</param>
    /// <param name="input">The request's.</param>
    /// <param name="body">The body, for one that nobody understands.</param>
    public static void WriteInput(Utf8JsonWriter json, Conversation input, JsonElement body)
    {
        if (TryWriteWhole(json, input, body))
        {
            return;
        }

        json.WriteStartArray();
        if (input.Instructions.Count > 0)
        {
            WriteTurn(json, new Turn("system", input.Instructions));
        }

        foreach (var turn in input.Turns)
        {
            WriteTurn(json, turn);
        }

        json.WriteEndArray();
    }

    /// <summary>One message, or as many as there are choices.</summary>
    public static void WriteOutput(Utf8JsonWriter json, Conversation output, JsonElement body)
    {
        if (TryWriteWhole(json, output, body))
        {
            return;
        }

        if (output.Turns.Count == 1)
        {
            WriteTurn(json, output.Turns[0]);
            return;
        }

        json.WriteStartArray();
        foreach (var turn in output.Turns)
        {
            WriteTurn(json, turn);
        }

        json.WriteEndArray();
    }

    private static bool TryWriteWhole(Utf8JsonWriter json, Conversation said, JsonElement body)
    {
        if (!said.IsWhole)
        {
            return false;
        }

        if (body.IsThere())
        {
            json.WriteRaw(body);
        }
        else
        {
            json.WriteStringValue(said.Turns[0].Parts[0].Text);
        }

        return true;
    }

    private static void WriteTurn(Utf8JsonWriter json, Turn turn)
    {
        json.WriteStartObject();
        if (turn.Source.ValueKind == JsonValueKind.Object)
        {
            WriteMembers(json, turn);
        }
        else
        {
            WriteParts(json, turn);
        }

        json.WriteEndObject();
    }

    private static void WriteMembers(Utf8JsonWriter json, Turn turn)
    {
        var known = turn.Source.Members()
            .Where(static member => Members.Contains(member.Name, StringComparer.Ordinal));
        foreach (var (name, value) in known)
        {
            json.WritePropertyName(name);
            json.WriteRaw(value);
        }

        if (turn.Source.TextOf("role") is null)
        {
            json.WriteString("role"u8, turn.Role);
        }
    }

    private static void WriteParts(Utf8JsonWriter json, Turn turn)
    {
        json.WriteString("role"u8, turn.Role);
        if (turn.Parts is [{ Kind: PartKind.ToolResult } result])
        {
            json.WriteString("content"u8, TextOf(result.Value));
            json.WriteText("tool_call_id", result.Id);
            json.WriteText("name", result.Name);
            return;
        }

        var calls = turn.Parts.Where(static part => part.Kind == PartKind.ToolCall).ToList();
        var shown = turn.Parts.Where(static part => part.Kind != PartKind.ToolCall).ToList();
        json.WritePropertyName("content"u8);
        WriteContent(json, shown);
        if (calls.Count > 0)
        {
            json.WriteStartArray("tool_calls"u8);
            calls.ForEach(call => WriteCall(json, call));
            json.WriteEndArray();
        }
    }

    private static void WriteContent(Utf8JsonWriter json, List<TurnPart> parts)
    {
        if (parts.Count == 0)
        {
            json.WriteNullValue();
        }
        else if (parts is [{ Kind: PartKind.Text or PartKind.Refusal } only])
        {
            json.WriteStringValue(only.Text);
        }
        else
        {
            json.WriteStartArray();
            parts.ForEach(part => WriteBlock(json, part));
            json.WriteEndArray();
        }
    }

    private static void WriteBlock(Utf8JsonWriter json, TurnPart part)
    {
        switch (part)
        {
            case { Kind: PartKind.Media, Modality: "image", Uri: { } url }:
                WriteImage(json, url);
                break;
            case { Kind: PartKind.Media, Modality: "image", Text: { } bytes }:
                WriteImage(json, $"data:{part.MediaType};base64,{bytes}");
                break;
            case { Kind: PartKind.Media or PartKind.Other } when part.Value.ValueKind == JsonValueKind.Object:
                json.WriteRaw(part.Value);
                break;
            case { Kind: PartKind.Reasoning }:
                json.WriteStartObject();
                json.WriteString("type"u8, "thinking"u8);
                json.WriteString("thinking"u8, part.Text);
                json.WriteEndObject();
                break;
            default:
                json.WriteStartObject();
                json.WriteString("type"u8, "text"u8);
                json.WriteString("text"u8, part.Text ?? TextOf(part.Value));
                json.WriteEndObject();
                break;
        }
    }

    private static void WriteImage(Utf8JsonWriter json, string url)
    {
        json.WriteStartObject();
        json.WriteString("type"u8, "image_url"u8);
        json.WriteStartObject("image_url"u8);
        json.WriteString("url"u8, url);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteCall(Utf8JsonWriter json, TurnPart call)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, call.Id ?? string.Empty);
        json.WriteString("type"u8, "function"u8);
        json.WriteStartObject("function"u8);
        json.WriteString("name"u8, call.Name ?? string.Empty);
        json.WriteString("arguments"u8, call.Value.TextOrRaw());
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>The texts of a result that is made of texts; anything else as its JSON.</summary>
    private static string TextOf(JsonElement value) =>
        value.ValueKind == JsonValueKind.Array && value.Items().All(static item => item.TextOf("text") is not null)
            ? string.Join("\n\n", value.Items().Select(static item => item.TextOf("text")))
            : value.TextOrRaw();
}
