using System.Text.Json;
using LlmProxy.Simulator.Language;
using LlmProxy.Simulator.Wire;

namespace LlmProxy.Simulator.Endpoints;

/// <summary><c>/v1/completions</c>, the older shape: a text goes in, texts come out.</summary>
internal static class Completions
{
    private const int ChoicesMax = 16;

    // The provider's own default, which this old endpoint alone has.
    private const int TokensByDefault = 16;

    public static async Task AnswerAsync(SimulatedCall call)
    {
        using var body = await call.ReadJsonAsync();
        if (body is null)
        {
            return;
        }

        var fields = new Fields(body.Root);
        var request = Request.Read(fields, call.Faults);
        var isStreamed = fields.Flag("stream");
        var reportsUsage = call.Faults.Usage.IsTold(AsksForUsage(fields));
        if (fields.Error is { } error)
        {
            await call.RefuseAsync(error);
            return;
        }

        call.Charge(request.Question.Model, request.Usage, !isStreamed || reportsUsage);
        await (isStreamed ? StreamAsync(call, request, reportsUsage) : call.SendJsonAsync(request, WriteWhole));
    }

    /// <summary>The whole answer to a request that lies in a batch; the error when it is not one.</summary>
    public static ApiError? Write(Utf8JsonWriter json, JsonElement root)
    {
        var fields = new Fields(root);
        var request = Request.Read(fields, Faults.None);
        if (fields.Error is null)
        {
            WriteWhole(json, request);
        }

        return fields.Error;
    }

    private static bool AsksForUsage(Fields fields) =>
        new Fields(fields.Optional("stream_options")).Flag("include_usage");

    private static void WriteWhole(Utf8JsonWriter json, Request request)
    {
        WriteHead(json, request);
        for (var choice = 0; choice < request.Answers.Count; choice++)
        {
            var answer = request.Answers[choice];
            WriteChoice(json, answer.Text, choice, answer.IsCut ? "length"u8 : "stop"u8);
        }

        json.WriteEndArray();
        request.Usage.WriteForChat(json);
        json.WriteEndObject();
    }

    private static async Task StreamAsync(SimulatedCall call, Request request, bool reportsUsage)
    {
        using var events = new EventStream(call);
        var early = request.Usage.Form == UsageForm.Early;
        for (var choice = 0; choice < request.Answers.Count; choice++)
        {
            var answer = request.Answers[choice];
            for (int start = 0, end; start < answer.Text.Length; start = end)
            {
                end = Words.EndOfPiece(answer.Text, start);
                var soFar = early ? request.Usage with { Output = events.Words + 1 } : default(WordUsage?);
                WriteHead(events.Begin(), request);
                WriteChoice(events.Json, answer.Text.AsSpan(start, end - start), choice, default);
                EndChunk(events.Json, soFar);
                await events.SendAsync(words: 1);
            }

            WriteHead(events.Begin(), request);
            WriteChoice(events.Json, "", choice, answer.IsCut ? "length"u8 : "stop"u8);
            EndChunk(events.Json, early ? request.Usage with { Output = events.Words } : null);
            await events.SendAsync();
        }

        var isUsageLate = request.Usage.Form == UsageForm.AfterEnd;
        if (reportsUsage && !isUsageLate)
        {
            await SendUsageAsync(events, request);
        }

        await events.SendDoneAsync();
        if (isUsageLate)
        {
            await SendUsageAsync(events, request);
        }

        await events.EndAsync();
    }

    private static ValueTask SendUsageAsync(EventStream events, Request request)
    {
        WriteHead(events.Begin(), request);
        EndChunk(events.Json, request.Usage);
        return events.SendAsync();
    }

    private static void EndChunk(Utf8JsonWriter json, WordUsage? usage)
    {
        json.WriteEndArray();
        usage?.WriteForChat(json);
        json.WriteEndObject();
    }

    private static void WriteHead(Utf8JsonWriter json, Request request)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, request.Id);
        json.WriteString("object"u8, "text_completion"u8);
        json.WriteNumber("created"u8, Origin.UnixSeconds);
        json.WriteString("model"u8, request.Question.Model);
        json.WriteStartArray("choices"u8);
    }

    private static void WriteChoice(
        Utf8JsonWriter json,
        ReadOnlySpan<char> text,
        int choice,
        ReadOnlySpan<byte> finishReason)
    {
        json.WriteStartObject();
        json.WriteString("text"u8, text);
        json.WriteNumber("index"u8, choice);
        json.WriteNull("logprobs"u8);
        if (finishReason.IsEmpty)
        {
            json.WriteNull("finish_reason"u8);
        }
        else
        {
            json.WriteString("finish_reason"u8, finishReason);
        }

        json.WriteEndObject();
    }

    private sealed record Request(string Id, Question Question, IReadOnlyList<Answer> Answers, WordUsage Usage)
    {
        public static Request Read(Fields fields, Faults faults)
        {
            var conversation = Conversation.Read(fields.Required("prompt"));
            var question = new Question(fields.RequiredText("model"), conversation)
            {
                TokensMax = faults.LimitOf(
                    fields.Integer("max_tokens", 1, int.MaxValue) ?? (faults.Chunks is null ? TokensByDefault : null)),
                WordCount = faults.Chunks,
                Stop = fields.Optional("stop"),
            };
            var id = Seed.Of(conversation.Prompt).NextId("cmpl-");
            var answers = Answer.AllTo(question, fields.Integer("n", 1, ChoicesMax) ?? 1);
            var usage = new WordUsage(conversation.Tokens, answers.Sum(static answer => (long)answer.Tokens));
            return new(id, question, answers, faults.Usage.Of(usage));
        }
    }
}
