namespace LlmProxy.Usage.Reading;

/// <summary>The objects and lists of an answer that are looked into.</summary>
internal enum AnswerPlace : byte
{
    Outside,
    Root,
    Usage,
    InputDetails,
    OutputDetails,
    Choices,
    Choice,
    ChatMessage,
    ToolCalls,
    ToolCall,
    Function,

    /// <summary>A list of parts that are one text together.</summary>
    Parts,
    Part,

    /// <summary>Anthropic: a list of content blocks, each a text of its own.</summary>
    Blocks,
    Block,

    /// <summary>Responses: a list of items, each a text of its own.</summary>
    Output,
    Item,

    /// <summary>The object that an event is about: a response, a session, Anthropic's message.</summary>
    Subject,

    /// <summary>Anthropic: what an event adds.</summary>
    Delta,
}

/// <summary>The members of those objects that mean something.</summary>
internal enum AnswerMember : byte
{
    None,
    Usage,
    Model,
    ServiceTier,
    Type,
    Error,
    Index,
    Choices,
    ChatMessage,
    ToolCalls,
    Function,
    Text,

    /// <summary>A text, or a list of its parts.</summary>
    TextOrParts,

    /// <summary>Responses: a piece of text when the event's type says so. Anthropic: an object.</summary>
    Delta,
    Blocks,
    Output,
    Subject,
    InputDetails,
    OutputDetails,

    /// <summary>The first <see cref="Amount"/>; the others follow in their order.</summary>
    FirstAmount,
}

/// <summary>Which key means what, and where. A key means nothing at any other place.</summary>
internal static class AnswerMembers
{
    public static AnswerMember Find(AnswerPlace place, ReadOnlySpan<byte> key) => place switch
    {
        AnswerPlace.Root => InRoot(key),
        AnswerPlace.Choice => InChoice(key),
        AnswerPlace.ChatMessage => InChatMessage(key),
        AnswerPlace.Usage => InUsage(key),
        AnswerPlace.InputDetails => InInputDetails(key),
        AnswerPlace.OutputDetails => InOutputDetails(key),
        AnswerPlace.Subject => InSubject(key),
        AnswerPlace.ToolCall => key.SequenceEqual("function"u8) ? AnswerMember.Function : AnswerMember.None,
        AnswerPlace.Function => InFunction(key),
        AnswerPlace.Part or AnswerPlace.Block or AnswerPlace.Delta => InPart(key),
        AnswerPlace.Item => InItem(key),
        _ => AnswerMember.None,
    };

    /// <summary>Where a list or object that is the value of a member leads.</summary>
    public static AnswerPlace Enter(AnswerMember member, bool isObject) => (member, isObject) switch
    {
        (AnswerMember.Usage, true) => AnswerPlace.Usage,
        (AnswerMember.InputDetails, true) => AnswerPlace.InputDetails,
        (AnswerMember.OutputDetails, true) => AnswerPlace.OutputDetails,
        (AnswerMember.Choices, false) => AnswerPlace.Choices,
        (AnswerMember.ChatMessage, true) => AnswerPlace.ChatMessage,
        (AnswerMember.ToolCalls, false) => AnswerPlace.ToolCalls,
        (AnswerMember.Function, true) => AnswerPlace.Function,
        (AnswerMember.TextOrParts, false) => AnswerPlace.Parts,
        (AnswerMember.Blocks, false) => AnswerPlace.Blocks,
        (AnswerMember.Output, false) => AnswerPlace.Output,
        (AnswerMember.Subject, true) => AnswerPlace.Subject,
        (AnswerMember.Delta, true) => AnswerPlace.Delta,
        _ => AnswerPlace.Outside,
    };

    /// <summary>Where an object in a list leads.</summary>
    public static AnswerPlace ElementOf(AnswerPlace list) => list switch
    {
        AnswerPlace.Choices => AnswerPlace.Choice,
        AnswerPlace.ToolCalls => AnswerPlace.ToolCall,
        AnswerPlace.Parts => AnswerPlace.Part,
        AnswerPlace.Blocks => AnswerPlace.Block,
        AnswerPlace.Output => AnswerPlace.Item,
        _ => AnswerPlace.Outside,
    };

    private static AnswerMember InRoot(ReadOnlySpan<byte> key) => key.Length switch
    {
        4 when key.SequenceEqual("type"u8) => AnswerMember.Type,
        5 when key.SequenceEqual("model"u8) => AnswerMember.Model,
        5 when key.SequenceEqual("usage"u8) => AnswerMember.Usage,
        5 when key.SequenceEqual("delta"u8) => AnswerMember.Delta,
        5 when key.SequenceEqual("index"u8) => AnswerMember.Index,
        5 when key.SequenceEqual("error"u8) => AnswerMember.Error,
        6 when key.SequenceEqual("output"u8) => AnswerMember.Output,
        7 when key.SequenceEqual("choices"u8) => AnswerMember.Choices,
        7 when key.SequenceEqual("content"u8) => AnswerMember.Blocks,
        7 when key.SequenceEqual("message"u8) => AnswerMember.Subject,
        7 when key.SequenceEqual("session"u8) => AnswerMember.Subject,
        8 when key.SequenceEqual("response"u8) => AnswerMember.Subject,
        12 when key.SequenceEqual("service_tier"u8) => AnswerMember.ServiceTier,
        12 when key.SequenceEqual("output_index"u8) => AnswerMember.Index,
        _ => AnswerMember.None,
    };

    private static AnswerMember InChoice(ReadOnlySpan<byte> key) => key.Length switch
    {
        4 when key.SequenceEqual("text"u8) => AnswerMember.Text,
        5 when key.SequenceEqual("index"u8) => AnswerMember.Index,
        5 when key.SequenceEqual("delta"u8) => AnswerMember.ChatMessage,
        7 when key.SequenceEqual("message"u8) => AnswerMember.ChatMessage,
        _ => AnswerMember.None,
    };

    private static AnswerMember InChatMessage(ReadOnlySpan<byte> key) => key.Length switch
    {
        7 when key.SequenceEqual("content"u8) => AnswerMember.TextOrParts,
        7 when key.SequenceEqual("refusal"u8) => AnswerMember.Text,
        10 when key.SequenceEqual("tool_calls"u8) => AnswerMember.ToolCalls,
        13 when key.SequenceEqual("function_call"u8) => AnswerMember.Function,
        17 when key.SequenceEqual("reasoning_content"u8) => AnswerMember.Text,
        _ => AnswerMember.None,
    };

    private static AnswerMember InFunction(ReadOnlySpan<byte> key) => key.Length switch
    {
        4 when key.SequenceEqual("name"u8) => AnswerMember.Text,
        9 when key.SequenceEqual("arguments"u8) => AnswerMember.Text,
        _ => AnswerMember.None,
    };

    private static AnswerMember InPart(ReadOnlySpan<byte> key) => key.Length switch
    {
        4 when key.SequenceEqual("text"u8) => AnswerMember.Text,
        7 when key.SequenceEqual("refusal"u8) => AnswerMember.Text,
        8 when key.SequenceEqual("thinking"u8) => AnswerMember.Text,
        12 when key.SequenceEqual("partial_json"u8) => AnswerMember.Text,
        _ => AnswerMember.None,
    };

    private static AnswerMember InItem(ReadOnlySpan<byte> key) => key.Length switch
    {
        7 when key.SequenceEqual("content"u8) => AnswerMember.TextOrParts,
        7 when key.SequenceEqual("summary"u8) => AnswerMember.TextOrParts,
        9 when key.SequenceEqual("arguments"u8) => AnswerMember.Text,
        _ => AnswerMember.None,
    };

    private static AnswerMember InSubject(ReadOnlySpan<byte> key) => key.Length switch
    {
        5 when key.SequenceEqual("usage"u8) => AnswerMember.Usage,
        5 when key.SequenceEqual("model"u8) => AnswerMember.Model,
        12 when key.SequenceEqual("service_tier"u8) => AnswerMember.ServiceTier,
        _ => AnswerMember.None,
    };

    private static AnswerMember InUsage(ReadOnlySpan<byte> key) => key.Length switch
    {
        12 when key.SequenceEqual("input_tokens"u8) => Of(Amount.InputTokens),
        12 when key.SequenceEqual("service_tier"u8) => AnswerMember.ServiceTier,
        13 when key.SequenceEqual("prompt_tokens"u8) => Of(Amount.PromptTokens),
        13 when key.SequenceEqual("output_tokens"u8) => Of(Amount.OutputTokens),
        17 when key.SequenceEqual("completion_tokens"u8) => Of(Amount.CompletionTokens),
        19 when key.SequenceEqual("input_token_details"u8) => AnswerMember.InputDetails,
        20 when key.SequenceEqual("input_tokens_details"u8) => AnswerMember.InputDetails,
        20 when key.SequenceEqual("output_token_details"u8) => AnswerMember.OutputDetails,
        21 when key.SequenceEqual("prompt_tokens_details"u8) => AnswerMember.InputDetails,
        21 when key.SequenceEqual("output_tokens_details"u8) => AnswerMember.OutputDetails,
        23 when key.SequenceEqual("cache_read_input_tokens"u8) => Of(Amount.CacheReadInputTokens),
        25 when key.SequenceEqual("completion_tokens_details"u8) => AnswerMember.OutputDetails,
        27 when key.SequenceEqual("cache_creation_input_tokens"u8) => Of(Amount.CacheCreationInputTokens),
        _ => AnswerMember.None,
    };

    private static AnswerMember InInputDetails(ReadOnlySpan<byte> key) => key.Length switch
    {
        12 when key.SequenceEqual("audio_tokens"u8) => Of(Amount.InputAudioTokens),
        13 when key.SequenceEqual("cached_tokens"u8) => Of(Amount.CachedTokens),
        _ => AnswerMember.None,
    };

    private static AnswerMember InOutputDetails(ReadOnlySpan<byte> key) => key.Length switch
    {
        12 when key.SequenceEqual("audio_tokens"u8) => Of(Amount.OutputAudioTokens),
        16 when key.SequenceEqual("reasoning_tokens"u8) => Of(Amount.ReasoningTokens),
        _ => AnswerMember.None,
    };

    private static AnswerMember Of(Amount amount) => (AnswerMember)((int)AnswerMember.FirstAmount + (int)amount);
}
