using System.Text.Json;
using LlmProxy.Simulator.Language;
using LlmProxy.Simulator.Wire;

namespace LlmProxy.Simulator.Endpoints;

/// <summary><c>/v1/completions</c>, the older shape: a text goes in, texts come out.</summary>
internal static class Completions
{
    private const int ChoicesMax = 16;

    public static async Task AnswerAsync(SimulatedCall call)
    {
        using var body = await call.ReadJsonAsync();
        if (body is null)
        {
            return;
        }

        var fields = new Fields(body.Root);
        var request = Request.Read(fields, call.Faults.Chunks);
        var isStreamed = fields.Flag("stream");
        await (fields.Error is { } error ? call.RefuseAsync(error)
            : isStreamed ? StreamAsync(call, request, ReportsUsage(fields))
            : call.SendJsonAsync(request, WriteWhole));
    }

    /// <summary>The whole answer to a request that lies in a batch; the error when it is not one.</summary>
    public static ApiError? Write(Utf8JsonWriter json, JsonElement root)
    {
        var fields = new Fields(root);
        var request = Request.Read(fields, null);
        if (fields.Error is null)
        {
            WriteWhole(json, request);
        }

        return fields.Error;
    }

    private static bool ReportsUsage(Fields fields) =>
        new Fields(fields.Optional("stream_options")).Flag("include_usage");

    private static void WriteWhole(Utf8JsonWriter json, Request request)
    {
        var usage = new WordUsage(request.Question.Conversation.Tokens, 0);
        WriteHead(json, request);
        for (var choice = 0; choice < request.Choices; choice++)
        {
            var answer = Answer.To(request.Question, choice);
            usage = usage with { Output = usage.Output + answer.Tokens };
            WriteChoice(json, answer.Text, choice, answer.IsCut ? "length"u8 : "stop"u8);
        }

        json.WriteEndArray();
        usage.WriteForChat(json);
        json.WriteEndObject();
    }

    private static async Task StreamAsync(SimulatedCall call, Request request, bool reportsUsage)
    {
        using var events = new EventStream(call);
        var usage = new WordUsage(request.Question.Conversation.Tokens, 0);
        for (var choice = 0; choice < request.Choices; choice++)
        {
            var answer = Answer.To(request.Question, choice);
            usage = usage with { Output = usage.Output + answer.Tokens };
            for (int start = 0, end; start < answer.Text.Length; start = end)
            {
                end = Words.EndOfPiece(answer.Text, start);
                WriteChunk(events.Begin(), request, answer.Text.AsSpan(start, end - start), choice, default);
                await events.SendAsync();
            }

            WriteChunk(events.Begin(), request, "", choice, answer.IsCut ? "length"u8 : "stop"u8);
            await events.SendAsync();
        }

        if (reportsUsage)
        {
            var json = events.Begin();
            WriteHead(json, request);
            json.WriteEndArray();
            usage.WriteForChat(json);
            json.WriteEndObject();
            await events.SendAsync();
        }

        await events.SendDoneAsync();
    }

    private static void WriteChunk(
        Utf8JsonWriter json,
        Request request,
        ReadOnlySpan<char> text,
        int choice,
        ReadOnlySpan<byte> finishReason)
    {
        WriteHead(json, request);
        WriteChoice(json, text, choice, finishReason);
        json.WriteEndArray();
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

    private sealed record Request(string Id, Question Question, int Choices)
    {
        public static Request Read(Fields fields, int? words)
        {
            var conversation = Conversation.Read(fields.Required("prompt"));
            var question = new Question(fields.RequiredText("model"), conversation)
            {
                TokensMax = fields.Integer("max_tokens", 1, int.MaxValue),
                WordCount = words,
                Stop = fields.Optional("stop"),
            };
            var id = Seed.Of(conversation.Prompt).NextId("cmpl-");
            return new(id, question, fields.Integer("n", 1, ChoicesMax) ?? 1);
        }
    }
}
