using System.Runtime.InteropServices;
using System.Text.Json;

namespace LlmProxy.Cli.Benchmark;

/// <summary>
/// What is read from the JSON of answers: whether there is a piece of the text in it, and what it says of usage. It
/// looks for the names that OpenAI's and Anthropic's APIs have, wherever they stand; what is no JSON says nothing.
/// </summary>
internal static class AnswerText
{
    // Pieces of text, reasoning and arguments in chat, completions, responses and messages.
    private static readonly string[] TextNames =
    [
        "content", "text", "delta", "arguments", "reasoning_content", "reasoning", "thinking", "partial_json",
        "refusal",
    ];

    /// <summary>The first event of a chat names the role and has an empty text: that is none.</summary>
    public static bool HasText(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType == JsonTokenType.PropertyName && IsOneOf(reader, TextNames)
                    && reader.Read() && reader is { TokenType: JsonTokenType.String, ValueSpan.IsEmpty: false })
                {
                    return true;
                }
            }
        }
        catch (JsonException)
        {
        }

        return false;
    }

    /// <summary>
    /// The usage in it, over what was read before: a stream may tell it in parts, and again as it grows.
    /// </summary>
    public static ReportedUsage UsageIn(ReadOnlySpan<byte> json, ReportedUsage before)
    {
        if (json.IndexOf("\"usage\""u8) < 0)
        {
            return before;
        }

        var reader = new Utf8JsonReader(json);
        var usage = before;
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType == JsonTokenType.PropertyName && reader.ValueTextEquals("usage"u8)
                    && reader.Read() && reader.TokenType == JsonTokenType.StartObject)
                {
                    usage = ReadUsage(ref reader, usage);
                }
            }
        }
        catch (JsonException)
        {
        }

        return usage;
    }

    private static ReportedUsage ReadUsage(ref Utf8JsonReader reader, ReportedUsage usage)
    {
        var depth = reader.CurrentDepth;
        while (reader.Read() && reader.CurrentDepth > depth)
        {
            if (reader.TokenType != JsonTokenType.PropertyName || reader.CurrentDepth != depth + 1)
            {
                continue;
            }

            var isPrompt = IsOneOf(reader, "prompt_tokens", "input_tokens");
            var isCompletion = IsOneOf(reader, "completion_tokens", "output_tokens");
            if (!reader.Read() || reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out var count))
            {
                continue;
            }

            usage = (isPrompt, isCompletion) switch
            {
                (true, _) => usage with { PromptTokens = Math.Max(usage.PromptTokens ?? 0, count) },
                (_, true) => usage with { CompletionTokens = Math.Max(usage.CompletionTokens ?? 0, count) },
                _ => usage,
            };
        }

        return usage;
    }

    private static bool IsOneOf(in Utf8JsonReader reader, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (reader.ValueTextEquals(name))
            {
                return true;
            }
        }

        return false;
    }
}

/// <summary>What an answer says of its tokens; null where it says nothing.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct ReportedUsage(long? PromptTokens, long? CompletionTokens);
