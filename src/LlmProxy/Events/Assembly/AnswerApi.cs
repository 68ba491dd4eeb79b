using System.Text.Json;

namespace LlmProxy.Events.Assembly;

/// <summary>Whose events a stream is made of.</summary>
internal enum AnswerApi : byte
{
    /// <summary>This event does not tell.</summary>
    Unknown,

    /// <summary>OpenAI's chat completions.</summary>
    Chat,

    /// <summary>OpenAI's legacy completions.</summary>
    Completion,

    /// <summary>OpenAI's Responses.</summary>
    Response,

    /// <summary>Anthropic's Messages.</summary>
    Message,
}

internal static class AnswerApis
{
    /// <summary>What the event tells by its type, its choices or the name of its object.</summary>
    public static AnswerApi Of(in EventFields fields)
    {
        var type = fields.TextOf("type"u8);
        if (type.StartsWith("response."u8))
        {
            return AnswerApi.Response;
        }

        if (type.StartsWith("message_"u8) || type.StartsWith("content_block_"u8))
        {
            return AnswerApi.Message;
        }

        var ofChoice = OfChoices(fields["choices"u8]);
        return ofChoice != AnswerApi.Unknown ? ofChoice : OfObject(fields.TextOf("object"u8));
    }

    /// <summary>Whether the event says nothing but that something went wrong.</summary>
    public static bool IsError(in EventFields fields) =>
        !JsonText.IsNothing(fields["error"u8])
        || fields.TextOf("type"u8).SequenceEqual("error"u8)
        || fields.TextOf("object"u8).SequenceEqual("error"u8);

    private static AnswerApi OfObject(ReadOnlySpan<byte> name) =>
        name.StartsWith("chat.completion"u8) ? AnswerApi.Chat
        : name.StartsWith("text_completion"u8) ? AnswerApi.Completion
        : AnswerApi.Unknown;

    // Not every server names its objects as OpenAI does: https://github.com/huggingface/text-generation-inference
    private static AnswerApi OfChoices(ReadOnlySpan<byte> choices)
    {
        if (choices.IsEmpty || choices[0] != '[')
        {
            return AnswerApi.Unknown;
        }

        var reader = JsonText.Open(choices);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return AnswerApi.Unknown;
        }

        var choice = EventFields.Of(JsonText.RawOf(ref reader, choices));
        return !choice["delta"u8].IsEmpty || !choice["message"u8].IsEmpty ? AnswerApi.Chat
            : !choice["text"u8].IsEmpty ? AnswerApi.Completion
            : AnswerApi.Unknown;
    }
}
