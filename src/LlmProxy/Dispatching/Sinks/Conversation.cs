using System.Text.Json;
using LlmProxy.Events;

namespace LlmProxy.Dispatching.Sinks;

/// <summary>
/// What was said in one direction of an exchange, whatever the API: chat completions, completions, responses or
/// Anthropic's messages. A body that is none of these is one turn that holds all of it as text.
/// </summary>
/// <param name="Instructions">What APIs take apart from the messages: <c>system</c>, <c>instructions</c>.</param>
/// <param name="Turns">In the order of the body.</param>
/// <param name="IsWhole">Nobody knew the body's form: the one turn is the body as it was.</param>
internal sealed record Conversation(
    IReadOnlyList<TurnPart> Instructions, IReadOnlyList<Turn> Turns, bool IsWhole = false)
{
    /// <summary>The request's; null when no body was kept.</summary>
    public static Conversation? OfRequest(ExchangeEvent exchange) =>
        Of(exchange.Request.Body, "user", static json => ConversationReader.ReadRequest(json));

    /// <summary>The answer's, a turn for each choice; null when no body was kept.</summary>
    public static Conversation? OfResponse(ExchangeEvent exchange) =>
        Of(exchange.Response.Body, "assistant", static json => ConversationReader.ReadResponse(json));

    private static Conversation? Of(EventBody? body, string role, Func<JsonElement, Conversation?> read) => body switch
    {
        null => null,
        { Json: { } json } => read(json) ?? Whole(role, json.TextOrRaw()),
        { Text: { } text } => Whole(role, text),
        { Base64: { } bytes } => Whole(role, bytes),
        _ => null,
    };

    private static Conversation Whole(string role, string text) =>
        new([], [new Turn(role, [new TurnPart(PartKind.Text) { Text = text }])], IsWhole: true);
}

/// <summary>One message.</summary>
/// <param name="Role"><c>system, developer, user, assistant, tool</c>, or what the body said.</param>
/// <param name="Parts">What it is made of.</param>
internal sealed record Turn(string Role, IReadOnlyList<TurnPart> Parts)
{
    public string? Name { get; init; }

    /// <summary>Why the model stopped, in its provider's word.</summary>
    public string? FinishReason { get; init; }

    /// <summary>The message as the chat API has it, when it came in that form; undefined otherwise.</summary>
    public JsonElement Source { get; init; }
}

internal enum PartKind : byte
{
    Text,
    Reasoning,
    Refusal,

    /// <summary>The model wants a tool to be called.</summary>
    ToolCall,

    /// <summary>What a tool answered.</summary>
    ToolResult,

    /// <summary>An image, sound or document: inline, or by where it is.</summary>
    Media,

    /// <summary>Anything else, as it was.</summary>
    Other,
}

/// <summary>A piece of a message. Which members are there follows from the kind.</summary>
internal sealed record TurnPart(PartKind Kind)
{
    /// <summary>Text, reasoning, refusal; of media, its inline bytes as base64.</summary>
    public string? Text { get; init; }

    /// <summary>Of a call and its result: what joins them. Of media: the file at the provider.</summary>
    public string? Id { get; init; }

    /// <summary>The tool.</summary>
    public string? Name { get; init; }

    /// <summary>The arguments, the result, or what is not understood.</summary>
    public JsonElement Value { get; init; }

    /// <summary><c>image, audio, document</c>.</summary>
    public string? Modality { get; init; }

    public string? MediaType { get; init; }

    public string? Uri { get; init; }
}
