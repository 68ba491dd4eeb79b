namespace LlmProxy.Usage.Reading;

/// <summary>What the <c>type</c> of an event says, as far as it matters.</summary>
internal enum EventKind : byte
{
    /// <summary>There is no type.</summary>
    Untyped,
    Other,

    /// <summary><c>delta</c> is a piece of what the model says.</summary>
    TextDelta,

    /// <summary>Anthropic: <c>delta</c> holds a piece of a content block.</summary>
    BlockDelta,

    /// <summary>Anthropic: the usage is that of the prompt; what it says of the answer is only its beginning.</summary>
    MessageStart,

    /// <summary>Anthropic: the usage holds only what has changed.</summary>
    MessageDelta,

    /// <summary>Nothing comes after it.</summary>
    End,

    /// <summary>Nothing comes after it, and what came is not all that was to come.</summary>
    Failure,

    /// <summary>Realtime: the session, which names the model.</summary>
    Session,

    /// <summary>Realtime: a response begins.</summary>
    ResponseCreated,

    /// <summary>Realtime: a response is over, with its usage.</summary>
    ResponseDone,

    /// <summary>Realtime: another model has written down what was said, with its own usage.</summary>
    Transcribed,
}

internal static class EventKinds
{
    /// <summary>OpenAI's Responses, Audio, Images and Realtime events, and Anthropic's.</summary>
    public static EventKind Of(ReadOnlySpan<byte> type)
    {
        if (type.StartsWith("response."u8))
        {
            return OfResponse(type["response."u8.Length..]);
        }

        return type.Length switch
        {
            5 when type.SequenceEqual("error"u8) => EventKind.Failure,
            12 when type.SequenceEqual("message_stop"u8) => EventKind.End,
            13 when type.SequenceEqual("message_start"u8) => EventKind.MessageStart,
            13 when type.SequenceEqual("message_delta"u8) => EventKind.MessageDelta,
            15 when type.SequenceEqual("session.created"u8) => EventKind.Session,
            15 when type.SequenceEqual("session.updated"u8) => EventKind.Session,
            17 when type.SequenceEqual("speech.audio.done"u8) => EventKind.End,
            19 when type.SequenceEqual("content_block_delta"u8) => EventKind.BlockDelta,
            20 when type.SequenceEqual("image_edit.completed"u8) => EventKind.End,
            20 when type.SequenceEqual("transcript.text.done"u8) => EventKind.End,
            21 when type.SequenceEqual("transcript.text.delta"u8) => EventKind.TextDelta,
            26 when type.SequenceEqual("image_generation.completed"u8) => EventKind.End,
            53 when type.SequenceEqual("conversation.item.input_audio_transcription.completed"u8)
                => EventKind.Transcribed,
            _ => EventKind.Other,
        };
    }

    private static EventKind OfResponse(ReadOnlySpan<byte> type) => type.Length switch
    {
        4 when type.SequenceEqual("done"u8) => EventKind.ResponseDone,
        6 when type.SequenceEqual("failed"u8) => EventKind.Failure,
        7 when type.SequenceEqual("created"u8) => EventKind.ResponseCreated,
        9 when type.SequenceEqual("completed"u8) => EventKind.End,
        9 when type.SequenceEqual("cancelled"u8) => EventKind.Failure,
        10 when type.SequenceEqual("incomplete"u8) => EventKind.Failure,
        _ when type.EndsWith(".delta"u8) && type.IndexOf("audio"u8) < 0 => EventKind.TextDelta,
        _ => EventKind.Other,
    };
}
