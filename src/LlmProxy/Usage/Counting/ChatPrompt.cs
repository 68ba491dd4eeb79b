using System.Text.Json;

namespace LlmProxy.Usage.Counting;

/// <summary>
/// The prompt of <c>/v1/chat/completions</c>. Source: OpenAI's cookbook, "How to count tokens with tiktoken", chapter 6
/// and 7; tool calls in a message are counted as text with an overhead that covers their frame.
/// </summary>
internal sealed class ChatPrompt(PromptTally tally)
{
    /// <summary>Frames a message of any role.</summary>
    public const int PerMessage = 3;

    /// <summary>The beginning of the reply.</summary>
    public const int Reply = 3;

    /// <summary>Frames a tool call.</summary>
    public const int PerCall = 8;

    private const int PerName = 1;

    public void Add(JsonElement body)
    {
        foreach (var message in PromptTally.Items(PromptTally.Member(body, "messages")))
        {
            AddMessage(message);
        }

        var tools = new ToolPrompt(tally);
        foreach (var tool in PromptTally.Items(PromptTally.Member(body, "tools")))
        {
            AddTool(tools, tool);
        }

        foreach (var function in PromptTally.Items(PromptTally.Member(body, "functions")))
        {
            tools.Add(function);
        }

        tools.Finish();
        tally.AddMember(PromptTally.Member(body, "response_format"), "json_schema");
        tally.Tokens += Reply;
        tally.IsWhole &= PromptTally.Member(body, "web_search_options").ValueKind
            is JsonValueKind.Undefined or JsonValueKind.Null;
    }

    private void AddTool(ToolPrompt tools, JsonElement tool)
    {
        if (PromptTally.Is(PromptTally.Member(tool, "type"), "function"u8))
        {
            tools.Add(PromptTally.Member(tool, "function"));
            return;
        }

        tally.AddUnknown(tool);
    }

    private void AddMessage(JsonElement message)
    {
        tally.Tokens += PerMessage;
        if (message.ValueKind != JsonValueKind.Object)
        {
            tally.AddUnknown(message);
            return;
        }

        foreach (var member in message.EnumerateObject())
        {
            if (member.Value.ValueKind == JsonValueKind.String)
            {
                tally.AddText(member.Value);
                tally.Tokens += member.NameEquals("name"u8) ? PerName : 0;
            }
            else if (member.NameEquals("content"u8))
            {
                AddParts(member.Value);
            }
            else if (member.NameEquals("tool_calls"u8))
            {
                AddCalls(member.Value);
            }
            else if (member.NameEquals("function_call"u8))
            {
                AddCall(member.Value);
            }
            else if (member.Value.ValueKind != JsonValueKind.Null)
            {
                tally.AddUnknown(member.Value);
            }
        }
    }

    private void AddParts(JsonElement parts)
    {
        foreach (var part in PromptTally.Items(parts))
        {
            var type = PromptTally.Member(part, "type");
            if (PromptTally.Is(type, "text"u8) || PromptTally.Is(type, "refusal"u8))
            {
                tally.AddMember(part, "text");
                tally.AddMember(part, "refusal");
            }
            else if (PromptTally.Is(type, "image_url"u8))
            {
                var image = PromptTally.Member(part, "image_url");
                tally.AddImage(PromptTally.Member(image, "url"), PromptTally.Member(image, "detail"));
            }
            else
            {
                tally.AddUnknown(part);
            }
        }
    }

    private void AddCalls(JsonElement calls)
    {
        foreach (var call in PromptTally.Items(calls))
        {
            if (PromptTally.Is(PromptTally.Member(call, "type"), "function"u8))
            {
                AddCall(PromptTally.Member(call, "function"));
            }
            else
            {
                tally.AddUnknown(call);
            }
        }
    }

    private void AddCall(JsonElement function)
    {
        tally.Tokens += PerCall;
        tally.AddMember(function, "name");
        tally.AddMember(function, "arguments");
    }
}
