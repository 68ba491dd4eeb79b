using System.Text.Json;

namespace LlmProxy.Simulator.Language;

/// <summary>
/// What was said before the answer, read from any of the shapes that providers use: a text, chat messages, response
/// items, content blocks.
/// </summary>
/// <param name="Prompt">The last thing that the user said.</param>
/// <param name="Tokens">The words of everything that was said.</param>
/// <param name="EndsWithToolResult">The answer is owed to a tool that the model called.</param>
internal sealed record Conversation(string Prompt, int Tokens, bool EndsWithToolResult)
{
    private const int ContentDepthMax = 4;

    public static Conversation Read(JsonElement said, JsonElement instructions = default)
    {
        var tokens = Words.Count(TextOf(instructions));
        if (said.ValueKind != JsonValueKind.Array)
        {
            var only = TextOf(said);
            return new(only, tokens + Words.Count(only), false);
        }

        string? prompt = null;
        var last = "";
        var isToolResult = false;
        foreach (var message in said.EnumerateArray())
        {
            last = TextOf(message);
            tokens += Words.Count(last);
            isToolResult = IsToolResult(message);
            prompt = last.Length > 0 && !isToolResult && StringOf(message, "role"u8) is "user" ? last : prompt;
        }

        return new(prompt ?? last, tokens, isToolResult);
    }

    /// <summary>All text in a message, a content part or a list of them.</summary>
    public static string TextOf(JsonElement content, int depth = 0) => content.ValueKind switch
    {
        JsonValueKind.String => content.GetString()!,
        JsonValueKind.Array when depth < ContentDepthMax && content.GetArrayLength() == 1 =>
            TextOf(content[0], depth + 1),
        JsonValueKind.Array when depth < ContentDepthMax =>
            string.Join('\n', content.EnumerateArray().Select(part => TextOf(part, depth + 1))),
        JsonValueKind.Object when depth < ContentDepthMax => TextOfObject(content, depth + 1),
        _ => "",
    };

    public static string? StringOf(JsonElement element, ReadOnlySpan<byte> name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value)
            && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static string TextOfObject(JsonElement content, int depth) =>
        content.TryGetProperty("content"u8, out var inner)
            || content.TryGetProperty("text"u8, out inner)
            || content.TryGetProperty("output"u8, out inner)
            ? TextOf(inner, depth)
            : "";

    private static bool IsToolResult(JsonElement message)
    {
        if (StringOf(message, "role"u8) is "tool" || StringOf(message, "type"u8) is "function_call_output")
        {
            return true;
        }

        return message.ValueKind == JsonValueKind.Object
            && message.TryGetProperty("content"u8, out var content)
            && content.ValueKind == JsonValueKind.Array
            && content.EnumerateArray().Any(static part => StringOf(part, "type"u8) is "tool_result");
    }
}
