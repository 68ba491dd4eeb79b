using System.Text;
using System.Text.Json;
using LlmProxy.Simulator.Wire;

namespace LlmProxy.Simulator.Language;

/// <summary>A call that the simulated model makes instead of an answer.</summary>
internal sealed record ToolUse(string Id, string Name, string Arguments);

/// <summary>The tools that a request offers, and which of them the model uses.</summary>
internal static class Tools
{
    /// <summary>
    /// The tool that <c>tool_choice</c> demands, or one that the prompt mentions by name; null when the model answers
    /// with text. Never two calls in a row: a result is answered.
    /// </summary>
    public static ToolUse? Choose(JsonElement request, Conversation conversation, string idPrefix)
    {
        if (conversation.EndsWithToolResult
            || !request.TryGetProperty("tools"u8, out var tools) || tools.ValueKind != JsonValueKind.Array)
        {
            return null;
        }

        request.TryGetProperty("tool_choice"u8, out var choice);
        foreach (var tool in tools.EnumerateArray())
        {
            // Chat puts what describes the function one level deeper than the other shapes do.
            var function = tool.ValueKind == JsonValueKind.Object && tool.TryGetProperty("function"u8, out var inner)
                ? inner
                : tool;
            if (Conversation.StringOf(function, "name"u8) is { } name && IsChosen(choice, name, conversation.Prompt))
            {
                var id = Seed.Of(conversation.Prompt).NextId(idPrefix);
                return new(id, name, ArgumentsFor(function));
            }
        }

        return null;
    }

    private static bool IsChosen(JsonElement choice, string name, string prompt)
    {
        var mode = choice.ValueKind == JsonValueKind.String
            ? choice.GetString()
            : Conversation.StringOf(choice, "type"u8);
        return mode switch
        {
            "none" => false,
            "required" or "any" => true,
            "function" or "tool" => name == NameIn(choice),
            _ => prompt.Contains(name, StringComparison.OrdinalIgnoreCase),
        };
    }

    private static string? NameIn(JsonElement choice) =>
        choice.TryGetProperty("function"u8, out var function)
            ? Conversation.StringOf(function, "name"u8)
            : Conversation.StringOf(choice, "name"u8);

    private static string ArgumentsFor(JsonElement function) =>
        function.TryGetProperty("parameters"u8, out var schema) || function.TryGetProperty("input_schema"u8, out schema)
            ? JsonTextOf(schema)
            : "{}";

    /// <summary>A JSON text that satisfies the schema.</summary>
    public static string JsonTextOf(JsonElement schema)
    {
        using var buffer = JsonBuffer.Rent();
        SchemaExample.Write(buffer.Json, schema);
        return Encoding.UTF8.GetString(buffer.Finish().Span);
    }
}
