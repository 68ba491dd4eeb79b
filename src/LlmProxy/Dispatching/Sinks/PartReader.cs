using System.Text.Json;

namespace LlmProxy.Dispatching.Sinks;

/// <summary>Reads the pieces that messages are made of. The names of the APIs' kinds do not clash.</summary>
internal static class PartReader
{
    /// <summary>A content: a text, or a list of pieces.</summary>
    public static IEnumerable<TurnPart> Read(JsonElement content) => content.ValueKind switch
    {
        JsonValueKind.Undefined or JsonValueKind.Null => [],
        JsonValueKind.String => [Text(content.Text())],
        JsonValueKind.Array => content.Items().Select(ReadPart),
        _ => [ReadPart(content)],
    };

    /// <summary>An item of what the responses API put out.</summary>
    public static IEnumerable<TurnPart> ReadOutputItem(JsonElement item) => item.TextOf("type") switch
    {
        "message" => Read(item.Member("content")),
        "function_call" or "custom_tool_call" =>
        [
            new TurnPart(PartKind.ToolCall)
            {
                Id = item.TextOf("call_id", "id"),
                Name = item.TextOf("name"),
                Value = item.Member("arguments").IsThere() ? item.Member("arguments") : item.Member("input"),
            },
        ],
        "reasoning" => item.Member("summary").Items().Concat(item.Member("content").Items())
            .Select(static piece =>
                new TurnPart(PartKind.Reasoning) { Text = piece.TextOf("text") ?? piece.TextOrRaw() }),
        _ => [Unknown(item)],
    };

    /// <summary>A call as the chat API has it: of a function, or of a custom tool.</summary>
    public static TurnPart ReadChatCall(JsonElement call) =>
        call.Member("custom").ValueKind == JsonValueKind.Object
            ? ReadFunction(call.Member("custom"), call.TextOf("id"))
            : ReadFunction(call.Member("function"), call.TextOf("id"));

    public static TurnPart ReadFunction(JsonElement function, string? id) => new(PartKind.ToolCall)
    {
        Id = id,
        Name = function.TextOf("name"),
        Value = function.Member("arguments").IsThere() ? function.Member("arguments") : function.Member("input"),
    };

    public static TurnPart Unknown(JsonElement element) => new(PartKind.Other) { Value = element };

    private static TurnPart Text(string? text) => new(PartKind.Text) { Text = text };

    private static TurnPart ReadPart(JsonElement part)
    {
        var type = part.TextOf("type");
        return type switch
        {
            "text" or "input_text" or "output_text" when part.TextOf("text") is { } text => Text(text),
            "refusal" when part.TextOf("refusal") is { } refusal => new TurnPart(PartKind.Refusal) { Text = refusal },
            "thinking" when part.TextOf("thinking") is { } thought =>
                new TurnPart(PartKind.Reasoning) { Text = thought },
            "tool_use" or "server_tool_use" => new TurnPart(PartKind.ToolCall)
            {
                Id = part.TextOf("id"),
                Name = part.TextOf("name"),
                Value = part.Member("input"),
            },
            "tool_result" => new TurnPart(PartKind.ToolResult)
            {
                Id = part.TextOf("tool_use_id"),
                Value = part.Member("content"),
            },
            "image_url" => Located("image", part.Member("image_url").TextOf("url") ?? part.TextOf("image_url"), part),
            "input_image" => part.TextOf("file_id") is { } file
                ? new TurnPart(PartKind.Media) { Modality = "image", Id = file, Value = part }
                : Located("image", part.TextOf("image_url"), part),
            "input_audio" when part.Member("input_audio").TextOf("data") is { } sound => new TurnPart(PartKind.Media)
            {
                Modality = "audio",
                MediaType = part.Member("input_audio").TextOf("format") is { } format ? $"audio/{format}" : null,
                Text = sound,
                Value = part,
            },
            "file" => FileOf(part.Member("file"), part),
            "input_file" => FileOf(part, part),
            "image" or "document" => OfSource(type, part.Member("source"), part),
            _ => part.ValueKind == JsonValueKind.String ? Text(part.Text()) : Unknown(part),
        };
    }

    private static TurnPart FileOf(JsonElement file, JsonElement part) =>
        file.TextOf("file_id") is { } id
            ? new TurnPart(PartKind.Media) { Modality = "document", Id = id, Value = part }
            : Located("document", file.TextOf("file_data", "file_url"), part);

    /// <summary>Anthropic's images and documents.</summary>
    private static TurnPart OfSource(string modality, JsonElement source, JsonElement part) =>
        source.TextOf("type") switch
        {
            "base64" when source.TextOf("data") is { } data => new TurnPart(PartKind.Media)
            {
                Modality = modality,
                MediaType = source.TextOf("media_type"),
                Text = data,
                Value = part,
            },
            "file" when source.TextOf("file_id") is { } id =>
                new TurnPart(PartKind.Media) { Modality = modality, Id = id, Value = part },
            "url" => Located(modality, source.TextOf("url"), part),
            _ => Unknown(part),
        };

    /// <summary>By a URL; what a <c>data:</c> URL holds is inline.</summary>
    private static TurnPart Located(string modality, string? url, JsonElement part)
    {
        const string Data = "data:";
        const string Base64 = ";base64,";
        if (url is null)
        {
            return Unknown(part);
        }

        var media = new TurnPart(PartKind.Media) { Modality = modality, Value = part };
        var comma = url.IndexOf(Base64, StringComparison.OrdinalIgnoreCase);
        return url.StartsWith(Data, StringComparison.OrdinalIgnoreCase) && comma > 0
            ? media with { MediaType = url[Data.Length..comma], Text = url[(comma + Base64.Length)..] }
            : media with { Uri = url };
    }
}
