using System.Text.Json;

namespace LlmProxy.Usage.Counting;

/// <summary>The prompt of <c>/v1/responses</c>: the same frames as a chat's, in other words.</summary>
internal sealed class ResponsePrompt(PromptTally tally)
{
    private static readonly string[] FromElsewhere = ["previous_response_id", "conversation", "prompt"];

    public void Add(JsonElement body)
    {
        foreach (var name in FromElsewhere)
        {
            tally.IsWhole &= PromptTally.Member(body, name).ValueKind is JsonValueKind.Undefined or JsonValueKind.Null;
        }

        AddText(PromptTally.Member(body, "instructions"));
        var input = PromptTally.Member(body, "input");
        if (input.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in input.EnumerateArray())
            {
                AddItem(item);
            }
        }
        else
        {
            AddText(input);
        }

        var tools = new ToolPrompt(tally);
        foreach (var tool in PromptTally.Items(PromptTally.Member(body, "tools")))
        {
            if (PromptTally.Is(PromptTally.Member(tool, "type"), "function"u8))
            {
                tools.Add(tool);
            }
            else
            {
                tally.AddUnknown(tool);
            }
        }

        tools.Finish();
        tally.AddMember(PromptTally.Member(PromptTally.Member(body, "text"), "format"), "schema");
        tally.Tokens += ChatPrompt.Reply;
    }

    /// <summary>A text alone is a message, whose role is one token.</summary>
    private void AddText(JsonElement text)
    {
        if (text.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null))
        {
            tally.Tokens += ChatPrompt.PerMessage + 1;
            tally.AddText(text);
        }
    }

    private void AddItem(JsonElement item)
    {
        var type = PromptTally.Member(item, "type");
        if (PromptTally.Member(item, "role").ValueKind == JsonValueKind.String)
        {
            tally.Tokens += ChatPrompt.PerMessage;
            tally.AddMember(item, "role");
            AddContent(PromptTally.Member(item, "content"));
        }
        else if (PromptTally.Is(type, "function_call"u8) || PromptTally.Is(type, "custom_tool_call"u8))
        {
            tally.Tokens += ChatPrompt.PerCall;
            tally.AddMember(item, "name");
            tally.AddMember(item, "arguments");
            tally.AddMember(item, "input");
        }
        else if (PromptTally.Is(type, "function_call_output"u8) || PromptTally.Is(type, "custom_tool_call_output"u8))
        {
            tally.Tokens += ChatPrompt.PerCall;
            tally.AddMember(item, "call_id");
            AddContent(PromptTally.Member(item, "output"));
        }
        else
        {
            tally.AddUnknown(item);
        }
    }

    private void AddContent(JsonElement content)
    {
        if (content.ValueKind != JsonValueKind.Array)
        {
            tally.AddText(content);
            return;
        }

        foreach (var part in content.EnumerateArray())
        {
            var type = PromptTally.Member(part, "type");
            if (PromptTally.Is(type, "input_text"u8) || PromptTally.Is(type, "output_text"u8)
                || PromptTally.Is(type, "text"u8) || PromptTally.Is(type, "refusal"u8))
            {
                tally.AddMember(part, "text");
                tally.AddMember(part, "refusal");
            }
            else if (PromptTally.Is(type, "input_image"u8))
            {
                tally.AddImage(PromptTally.Member(part, "image_url"), PromptTally.Member(part, "detail"));
            }
            else
            {
                tally.AddUnknown(part);
            }
        }
    }
}
