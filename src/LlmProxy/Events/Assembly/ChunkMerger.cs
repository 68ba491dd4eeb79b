using LlmProxy.Http;

namespace LlmProxy.Events.Assembly;

/// <summary>
/// OpenAI's chat and legacy completions, and all that is compatible with them: each event is an answer of which every
/// choice has only an increment. <c>[DONE]</c>, which ends the stream, is no event.
/// </summary>
/// <remarks>
/// https://platform.openai.com/docs/api-reference/chat-streaming and
/// https://platform.openai.com/docs/api-reference/completions
/// </remarks>
internal sealed class ChunkMerger(GrowthRule rule, ByteBudget budget) : IAnswerMerger
{
    private readonly GrowingValue _answer = new(rule, budget);

    public static GrowthRule ChatRule { get; } = MakeChatRule();

    public static GrowthRule CompletionRule { get; } = MakeCompletionRule();

    public bool HasEnded => false;

    public bool HasError => _answer.Find("error"u8) is { IsEmpty: false };

    public string? Id => JsonText.ShortOf(_answer.Find("id"u8) is { } id ? id.Bytes : default);

    public void Merge(ReadOnlySpan<byte> json)
    {
        if (json.IndexOf("\"choices\""u8) < 0 && IsBareError(json))
        {
            _answer.Member("error"u8)?.Merge(json, isWhole: true);
            return;
        }

        var reader = JsonText.Open(json);
        _answer.Merge(ref reader, json, isWhole: false);

        // Throws when anything comes after it.
        reader.Read();
    }

    public IReadOnlyList<string> ReadFinishReasons()
    {
        var reasons = new List<string>();
        var choices = _answer.Find("choices"u8);
        foreach (var choice in choices is null ? [] : choices.Children)
        {
            if (JsonText.ShortOf(choice.Find("finish_reason"u8) is { } said ? said.Bytes : default) is { } reason)
            {
                reasons.Add(reason);
            }
        }

        return reasons;
    }

    public void WriteTo(ref PooledBytes output) => ValueWriter.Write(_answer, ref output);

    public void Dispose() => _answer.Dispose();

    // vLLM before 0.10 sends the error itself, not an object that has it: {"object":"error","message":…}.
    private static bool IsBareError(ReadOnlySpan<byte> json) =>
        EventFields.Of(json).TextOf("object"u8).SequenceEqual("error"u8);

    private static GrowthRule MakeChatRule()
    {
        var thinking = GrowthRule.Elements(Growth.Content, GrowthRule.Fields(("text", GrowthRule.Text)));
        var content = GrowthRule.Elements(
            Growth.Content, GrowthRule.Fields(("text", GrowthRule.Text), ("thinking", thinking)));
        var call = GrowthRule.Fields(
            ("index", GrowthRule.Dropped), ("id", GrowthRule.First),
            ("function", GrowthRule.Fields(("arguments", GrowthRule.Text))),
            ("custom", GrowthRule.Fields(("input", GrowthRule.Text))));
        var detail = GrowthRule.Fields(("text", GrowthRule.Text), ("summary", GrowthRule.Text));
        var delta = GrowthRule.Renamed(
            "message",
            ("content", content), ("refusal", GrowthRule.Text),
            ("reasoning", GrowthRule.Text), ("reasoning_content", GrowthRule.Text),
            ("reasoning_details", GrowthRule.Elements(Growth.Details, detail)),
            ("tool_calls", GrowthRule.Elements(Growth.Calls, call)),
            ("function_call", GrowthRule.Fields(("arguments", GrowthRule.Text))),
            ("audio", GrowthRule.Fields(("data", GrowthRule.Base64), ("transcript", GrowthRule.Text))),
            ("annotations", GrowthRule.List), ("images", GrowthRule.List));
        var logprobs = GrowthRule.Fields(("content", GrowthRule.List), ("refusal", GrowthRule.List));
        var choice = GrowthRule.Fields(
            ("delta", delta), ("logprobs", logprobs), ("token_ids", GrowthRule.List));
        return GrowthRule.Fields(
            ("object", GrowthRule.Fixed("\"chat.completion\"")), ("created", GrowthRule.First),
            ("choices", GrowthRule.Elements(Growth.Choices, choice)),
            ("obfuscation", GrowthRule.Dropped));
    }

    private static GrowthRule MakeCompletionRule()
    {
        var logprobs = GrowthRule.Fields(
            ("tokens", GrowthRule.List), ("token_logprobs", GrowthRule.List),
            ("top_logprobs", GrowthRule.List), ("text_offset", GrowthRule.List));
        var choice = GrowthRule.Fields(
            ("text", GrowthRule.Text), ("logprobs", logprobs), ("token_ids", GrowthRule.List),
            ("reasoning", GrowthRule.Text), ("reasoning_content", GrowthRule.Text));
        return GrowthRule.Fields(
            ("object", GrowthRule.Fixed("\"text_completion\"")), ("created", GrowthRule.First),
            ("choices", GrowthRule.Elements(Growth.Choices, choice)),
            ("obfuscation", GrowthRule.Dropped));
    }
}
