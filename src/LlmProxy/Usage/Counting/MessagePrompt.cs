using System.Text.Json;

namespace LlmProxy.Usage.Counting;

/// <summary>
/// The prompt of Anthropic's <c>/v1/messages</c>. Only bounded: its tokenizers are not published.
/// </summary>
internal sealed class MessagePrompt(PromptTally tally)
{
    private const int PerMessage = 5;

    // What Anthropic tells the model about tools, in the model that is told most (guide "Tool use", pricing).
    private const int ToolsStart = 530;

    public void Add(JsonElement body)
    {
        tally.Tokens += ChatPrompt.Reply;
        AddContent(PromptTally.Member(body, "system"));
        foreach (var message in PromptTally.Items(PromptTally.Member(body, "messages")))
        {
            tally.Tokens += PerMessage;
            tally.AddMember(message, "role");
            AddContent(PromptTally.Member(message, "content"));
        }

        var tools = PromptTally.Member(body, "tools");
        if (tools.ValueKind == JsonValueKind.Array && tools.GetArrayLength() > 0)
        {
            tally.Tokens += ToolsStart;
            tally.AddText(tools);
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
            if (PromptTally.Is(type, "text"u8))
            {
                tally.AddMember(part, "text");
            }
            else if (PromptTally.Is(type, "image"u8))
            {
                AddImage(PromptTally.Member(part, "source"));
            }
            else if (PromptTally.Is(type, "tool_result"u8))
            {
                tally.AddMember(part, "tool_use_id");
                AddContent(PromptTally.Member(part, "content"));
            }
            else
            {
                // Tool calls, thoughts and documents: their JSON is longer than what the model sees of it.
                tally.AddText(part);
            }
        }
    }

    private void AddImage(JsonElement source)
    {
        var data = PromptTally.Member(source, "data");
        var size = data.ValueKind == JsonValueKind.String && PromptTally.TryGetText(data, out var text)
            ? ImageSize.OfBase64(System.Text.Encoding.UTF8.GetBytes(text))
            : null;
        tally.AddImage(size, isLow: false);
    }
}
