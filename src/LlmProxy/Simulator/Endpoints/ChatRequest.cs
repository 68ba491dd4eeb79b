using System.Text.Json;
using LlmProxy.Simulator.Language;
using LlmProxy.Simulator.Wire;

namespace LlmProxy.Simulator.Endpoints;

/// <summary>A request for chat completions, with everything in it that changes the answer.</summary>
internal sealed record ChatRequest(string Id, Question Question, IReadOnlyList<Answer> Answers)
{
    private const int ChoicesMax = 16;

    public WordUsage Usage { get; private init; }

    public bool IsStreamed { get; private init; }

    /// <summary>The stream ends with a chunk that holds the usage.</summary>
    public bool ReportsUsage { get; private init; }

    public bool HasLogprobs { get; private init; }

    public int TopLogprobs { get; private init; }

    /// <summary>The request, or null with what is wrong in it.</summary>
    public static ChatRequest? Read(JsonElement root, Faults faults, out ApiError? error)
    {
        var fields = new Fields(root);
        var model = fields.RequiredText("model");
        var messages = fields.RequiredList("messages");
        var tokensMax = fields.Integer("max_completion_tokens", 1, int.MaxValue)
            ?? fields.Integer("max_tokens", 1, int.MaxValue);
        var conversation = Conversation.Read(messages);
        var question = new Question(model, conversation)
        {
            TokensMax = faults.LimitOf(tokensMax),
            WordCount = faults.Chunks,
            Stop = fields.Optional("stop"),
            Format = FormatIn(fields.Optional("response_format")),
            Tool = Tools.Choose(root, conversation, "call_"),
        };
        var choices = fields.Integer("n", 1, ChoicesMax) ?? 1;
        var answers = Answer.AllTo(question, choices);
        var usage = new WordUsage(conversation.Tokens, answers.Sum(static answer => (long)answer.Tokens));
        var asksForUsage = new Fields(fields.Optional("stream_options")).Flag("include_usage");
        var request = new ChatRequest(Seed.Of(conversation.Prompt).NextId("chatcmpl-"), question, answers)
        {
            Usage = faults.Usage.Of(usage),
            IsStreamed = fields.Flag("stream"),
            ReportsUsage = faults.Usage.IsTold(asksForUsage),
            HasLogprobs = fields.Flag("logprobs"),
            TopLogprobs = fields.Integer("top_logprobs", 0, 20) ?? 0,
        };
        error = fields.Error;
        return error is null ? request : null;
    }

    private static JsonElement? FormatIn(JsonElement format) => Conversation.StringOf(format, "type"u8) switch
    {
        "json_schema" => new Fields(new Fields(format).Optional("json_schema")).Optional("schema"),
        "json_object" => default(JsonElement),
        _ => null,
    };
}
