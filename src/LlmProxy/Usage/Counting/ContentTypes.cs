using System.Text;

namespace LlmProxy.Usage.Counting;

/// <summary>What a part of a message brings into the prompt.</summary>
internal enum PartKind : byte
{
    /// <summary>Text that stands in the request, or nothing.</summary>
    Seen,

    Image,

    /// <summary>What we cannot count, or do not know.</summary>
    Unseen,
}

/// <summary>The members of a part of a message that tell what it brings along.</summary>
internal enum PartName : byte
{
    Other,
    Type,

    /// <summary>Where something is: at somebody's server, or right here as a data URL.</summary>
    Address,

    /// <summary>What lies at the provider, or what no tokenizer can count.</summary>
    Reference,

    /// <summary>What a model once gave a tool (Anthropic).</summary>
    Arguments,
}

/// <summary>The words in which OpenAI's and Anthropic's APIs describe the parts of a message.</summary>
internal static class ContentTypes
{
    public static bool IsSeenTool(ReadOnlySpan<byte> type) =>
        type.SequenceEqual("function"u8) || type.SequenceEqual("custom"u8);

    /// <summary>A type that is not in this list may be anything.</summary>
    public static PartKind KindOf(ReadOnlySpan<byte> type)
    {
        var isSeen = type.Length switch
        {
            4 => type.SequenceEqual("text"u8),
            6 => type.SequenceEqual("custom"u8) || type.SequenceEqual("base64"u8),
            7 => type.SequenceEqual("message"u8) || type.SequenceEqual("refusal"u8),
            8 => type.SequenceEqual("function"u8) || type.SequenceEqual("tool_use"u8)
                || type.SequenceEqual("thinking"u8),
            9 => type.SequenceEqual("ephemeral"u8),
            10 => type.SequenceEqual("input_text"u8),
            11 => type.SequenceEqual("output_text"u8) || type.SequenceEqual("tool_result"u8),
            12 => type.SequenceEqual("summary_text"u8),
            13 => type.SequenceEqual("function_call"u8) || type.SequenceEqual("search_result"u8),
            16 => type.SequenceEqual("custom_tool_call"u8),
            17 => type.SequenceEqual("redacted_thinking"u8),
            20 => type.SequenceEqual("function_call_output"u8),
            23 => type.SequenceEqual("custom_tool_call_output"u8),
            _ => false,
        };
        return isSeen ? PartKind.Seen : IsImage(type) ? PartKind.Image : PartKind.Unseen;
    }

    /// <summary>Whatever the case: a provider that does not mind it would find the picture.</summary>
    public static PartName NameOf(ReadOnlySpan<byte> name) => name.Length switch
    {
        3 when Is(name, "url"u8) => PartName.Address,
        4 when Is(name, "type"u8) => PartName.Type,
        4 when Is(name, "file"u8) => PartName.Reference,
        5 when Is(name, "input"u8) => PartName.Arguments,
        5 when Is(name, "image"u8) || Is(name, "audio"u8) || Is(name, "video"u8) => PartName.Reference,
        7 when Is(name, "file_id"u8) => PartName.Reference,
        8 when Is(name, "file_url"u8) => PartName.Reference,
        9 when Is(name, "image_url"u8) => PartName.Address,
        9 when Is(name, "file_data"u8) || Is(name, "video_url"u8) || Is(name, "audio_url"u8) => PartName.Reference,
        11 when Is(name, "input_audio"u8) => PartName.Reference,
        _ => PartName.Other,
    };

    private static bool IsImage(ReadOnlySpan<byte> type) =>
        type.SequenceEqual("image_url"u8) || type.SequenceEqual("input_image"u8) || type.SequenceEqual("image"u8);

    private static bool Is(ReadOnlySpan<byte> name, ReadOnlySpan<byte> known) => Ascii.EqualsIgnoreCase(name, known);
}
