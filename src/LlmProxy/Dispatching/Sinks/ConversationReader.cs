using System.Text.Json;

namespace LlmProxy.Dispatching.Sinks;

/// <summary>
/// Reads messages out of bodies. The forms are told apart by their members, for the path of an exchange may be any:
/// https://platform.openai.com/docs/api-reference/chat, …/completions, …/responses and
/// https://docs.anthropic.com/en/api/messages.
/// </summary>
internal static class ConversationReader
{
    /// <summary>Null for a body of another form.</summary>
    public static Conversation? ReadRequest(JsonElement body)
    {
        var instructions = body.Member("system") is { ValueKind: not JsonValueKind.Undefined } system
            ? system
            : body.Member("instructions");
        var turns = body switch
        {
            _ when body.Member("messages").ValueKind == JsonValueKind.Array =>
                body.Member("messages").Items().SelectMany(ReadMessage),
            _ when body.Member("input").IsThere() => ReadInput(body.Member("input")),
            _ when body.Member("prompt").ValueKind is JsonValueKind.String or JsonValueKind.Array =>
                ReadInput(body.Member("prompt")),
            _ => null,
        };
        return turns?.ToList() is { Count: > 0 } read
            ? new Conversation([.. PartReader.Read(instructions)], read)
            : null;
    }

    /// <summary>Null for a body of another form.</summary>
    public static Conversation? ReadResponse(JsonElement body)
    {
        var turns = body switch
        {
            _ when body.Member("choices").ValueKind == JsonValueKind.Array =>
                body.Member("choices").Items().Select(ReadChoice),
            _ when body.Member("output").ValueKind == JsonValueKind.Array => [ReadOutput(body)],
            _ when body.Member("content").ValueKind == JsonValueKind.Array && body.Member("role").Text() is { } role =>
            [
                new Turn(role, [.. PartReader.Read(body.Member("content"))])
                {
                    FinishReason = body.TextOf("stop_reason"),
                },
            ],
            _ => null,
        };
        return turns?.ToList() is { Count: > 0 } read ? new Conversation([], read) : null;
    }

    private static IEnumerable<Turn> ReadMessage(JsonElement message)
    {
        if (message.ValueKind != JsonValueKind.Object)
        {
            return [new Turn("user", [PartReader.Unknown(message)])];
        }

        var content = message.Member("content");
        return content.Items().Any(IsBlockOfTools)
            ? SplitByTools(message.TextOf("role") ?? "user", [.. PartReader.Read(content)])
            : [ReadChatMessage(message)];
    }

    private static Turn ReadChatMessage(JsonElement message)
    {
        var role = message.TextOf("role") ?? "assistant";
        var content = message.Member("content");
        var parts = new List<TurnPart>();
        if (message.TextOf("reasoning_content", "reasoning") is { } reasoning)
        {
            parts.Add(new TurnPart(PartKind.Reasoning) { Text = reasoning });
        }

        if (role is "tool" or "function")
        {
            parts.Add(new TurnPart(PartKind.ToolResult)
            {
                Id = message.TextOf("tool_call_id"),
                Name = message.TextOf("name"),
                Value = content,
            });
        }
        else
        {
            parts.AddRange(PartReader.Read(content));
        }

        if (message.TextOf("refusal") is { } refusal)
        {
            parts.Add(new TurnPart(PartKind.Refusal) { Text = refusal });
        }

        parts.AddRange(message.Member("tool_calls").Items().Select(PartReader.ReadChatCall));
        if (message.Member("function_call").ValueKind == JsonValueKind.Object)
        {
            parts.Add(PartReader.ReadFunction(message.Member("function_call"), null));
        }

        return new Turn(role, parts) { Name = message.TextOf("name"), Source = message };
    }

    /// <summary>
    /// Anthropic puts what tools answered among the user's own blocks; here, as everywhere else, it is a turn of the
    /// tool's.
    /// </summary>
    private static IEnumerable<Turn> SplitByTools(string role, IReadOnlyList<TurnPart> parts)
    {
        var own = new List<TurnPart>();
        foreach (var part in parts)
        {
            if (part.Kind != PartKind.ToolResult)
            {
                own.Add(part);
                continue;
            }

            if (own.Count > 0)
            {
                yield return new Turn(role, own);
                own = [];
            }

            yield return new Turn("tool", [part]);
        }

        if (own.Count > 0)
        {
            yield return new Turn(role, own);
        }
    }

    /// <summary>A text, several texts, token numbers, or the items of the responses API.</summary>
    private static IEnumerable<Turn> ReadInput(JsonElement input) => input.ValueKind switch
    {
        JsonValueKind.String => [new Turn("user", [.. PartReader.Read(input)])],
        JsonValueKind.Array when input.Items().All(static item => item.ValueKind == JsonValueKind.Object) =>
            input.Items().Select(ReadItem),
        JsonValueKind.Array when input.Items().All(static item => item.ValueKind == JsonValueKind.String) =>
            input.Items().Select(static text => new Turn("user", [.. PartReader.Read(text)])),
        _ => [new Turn("user", [PartReader.Unknown(input)])],
    };

    private static Turn ReadItem(JsonElement item) => item.TextOf("type") switch
    {
        null or "message" => new Turn(item.TextOf("role") ?? "user", [.. PartReader.Read(item.Member("content"))]),
        "function_call_output" or "custom_tool_call_output" => new Turn(
            "tool",
            [new TurnPart(PartKind.ToolResult) { Id = item.TextOf("call_id"), Value = item.Member("output") }]),
        _ => new Turn("assistant", [.. PartReader.ReadOutputItem(item)]),
    };

    private static Turn ReadChoice(JsonElement choice)
    {
        var turn = choice.Member("message").ValueKind == JsonValueKind.Object
            ? ReadChatMessage(choice.Member("message"))
            : new Turn("assistant", [.. PartReader.Read(choice.Member("text"))]);
        return turn with { FinishReason = choice.TextOf("finish_reason") };
    }

    /// <summary>The items of one response are one answer, however many they are.</summary>
    private static Turn ReadOutput(JsonElement body)
    {
        var parts = body.Member("output").Items().SelectMany(PartReader.ReadOutputItem).ToList();
        var reason = body.Member("incomplete_details").TextOf("reason") ?? body.TextOf("status");
        return new Turn("assistant", parts)
        {
            FinishReason = reason == "completed" && parts.Exists(static part => part.Kind == PartKind.ToolCall)
                ? "tool_calls"
                : reason,
        };
    }

    private static bool IsBlockOfTools(JsonElement block) => block.TextOf("type") is "tool_use" or "tool_result";
}
