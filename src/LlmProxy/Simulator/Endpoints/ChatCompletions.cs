using System.Text;
using System.Text.Json;
using LlmProxy.Simulator.Language;
using LlmProxy.Simulator.Wire;

namespace LlmProxy.Simulator.Endpoints;

/// <summary><c>/v1/chat/completions</c>, whole or streamed.</summary>
internal static class ChatCompletions
{
    private const int ArgumentCharactersPerChunk = 8;

    public static async Task AnswerAsync(SimulatedCall call)
    {
        using var body = await call.ReadJsonAsync();
        if (body is null)
        {
            return;
        }

        if (ChatRequest.Read(body.Root, call.Faults.Chunks, out var error) is not { } request)
        {
            await call.RefuseAsync(error!);
            return;
        }

        await (request.IsStreamed ? StreamAsync(call, request) : call.SendJsonAsync(request, WriteWhole));
    }

    /// <summary>The whole answer to a request that lies in a batch; the error when it is not one.</summary>
    public static ApiError? Write(Utf8JsonWriter json, JsonElement root)
    {
        if (ChatRequest.Read(root, null, out var error) is { } request)
        {
            WriteWhole(json, request);
        }

        return error;
    }

    private static void WriteWhole(Utf8JsonWriter json, ChatRequest request)
    {
        var usage = new WordUsage(request.Question.Conversation.Tokens, 0);
        WriteHead(json, request, "chat.completion"u8);
        for (var choice = 0; choice < request.Choices; choice++)
        {
            var answer = Answer.To(request.Question, choice);
            usage = usage with { Output = usage.Output + answer.Tokens };
            WriteChoice(json, request, answer, choice);
        }

        json.WriteEndArray();
        usage.WriteForChat(json);
        json.WriteString("service_tier"u8, "default"u8);
        json.WriteString("system_fingerprint"u8, "fp_simulator"u8);
        json.WriteEndObject();
    }

    private static void WriteHead(Utf8JsonWriter json, ChatRequest request, ReadOnlySpan<byte> kind)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, request.Id);
        json.WriteString("object"u8, kind);
        json.WriteNumber("created"u8, Origin.UnixSeconds);
        json.WriteString("model"u8, request.Question.Model);
        json.WriteStartArray("choices"u8);
    }

    private static void WriteChoice(Utf8JsonWriter json, ChatRequest request, Answer answer, int choice)
    {
        json.WriteStartObject();
        json.WriteNumber("index"u8, choice);
        json.WriteStartObject("message"u8);
        json.WriteString("role"u8, "assistant"u8);
        if (request.Question.Tool is { } tool)
        {
            json.WriteNull("content"u8);
            WriteToolCall(json, tool, tool.Arguments, isDelta: false);
        }
        else
        {
            json.WriteString("content"u8, answer.Text);
        }

        json.WriteNull("refusal"u8);
        json.WriteStartArray("annotations"u8);
        json.WriteEndArray();
        json.WriteEndObject();
        WriteLogprobs(json, request, answer.Text);
        json.WriteString("finish_reason"u8, FinishReason(request, answer));
        json.WriteEndObject();
    }

    private static void WriteToolCall(Utf8JsonWriter json, ToolUse tool, string arguments, bool isDelta)
    {
        json.WriteStartArray("tool_calls"u8);
        json.WriteStartObject();
        if (isDelta)
        {
            json.WriteNumber("index"u8, 0);
        }

        json.WriteString("id"u8, tool.Id);
        json.WriteString("type"u8, "function"u8);
        json.WriteStartObject("function"u8);
        json.WriteString("name"u8, tool.Name);
        json.WriteString("arguments"u8, arguments);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndArray();
    }

    private static void WriteLogprobs(Utf8JsonWriter json, ChatRequest request, ReadOnlySpan<char> text)
    {
        if (!request.HasLogprobs || text.IsEmpty)
        {
            json.WriteNull("logprobs"u8);
            return;
        }

        json.WriteStartObject("logprobs"u8);
        json.WriteStartArray("content"u8);
        for (int start = 0, end; start < text.Length; start = end)
        {
            end = Words.EndOfPiece(text, start);
            var piece = text[start..end];
            json.WriteStartObject();
            WriteLogprob(json, piece);
            json.WriteStartArray("top_logprobs"u8);
            if (request.TopLogprobs > 0)
            {
                json.WriteStartObject();
                WriteLogprob(json, piece);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteNull("refusal"u8);
        json.WriteEndObject();
    }

    private static void WriteLogprob(Utf8JsonWriter json, ReadOnlySpan<char> piece)
    {
        json.WriteString("token"u8, piece);
        json.WriteNumber("logprob"u8, -0.25);
        json.WriteStartArray("bytes"u8);
        foreach (var value in Encoding.UTF8.GetBytes(piece.ToArray()))
        {
            json.WriteNumberValue(value);
        }

        json.WriteEndArray();
    }

    private static ReadOnlySpan<byte> FinishReason(ChatRequest request, Answer answer) =>
        request.Question.Tool is not null ? "tool_calls"u8 : answer.IsCut ? "length"u8 : "stop"u8;

    private static async Task StreamAsync(SimulatedCall call, ChatRequest request)
    {
        using var events = new EventStream(call);
        var usage = new WordUsage(request.Question.Conversation.Tokens, 0);
        for (var choice = 0; choice < request.Choices; choice++)
        {
            var answer = Answer.To(request.Question, choice);
            usage = usage with { Output = usage.Output + answer.Tokens };
            await (request.Question.Tool is { } tool
                ? StreamToolAsync(events, request, tool, choice)
                : StreamTextAsync(events, request, answer.Text, choice));

            var json = BeginDelta(events, request, choice);
            EndDelta(json, request, "", FinishReason(request, answer));
            await events.SendAsync();
        }

        if (request.ReportsUsage)
        {
            var json = events.Begin();
            WriteHead(json, request, "chat.completion.chunk"u8);
            json.WriteEndArray();
            usage.WriteForChat(json);
            json.WriteEndObject();
            await events.SendAsync();
        }

        await events.SendDoneAsync();
    }

    private static async Task StreamTextAsync(EventStream events, ChatRequest request, string text, int choice)
    {
        var json = BeginDelta(events, request, choice);
        json.WriteString("role"u8, "assistant"u8);
        json.WriteString("content"u8, ""u8);
        json.WriteNull("refusal"u8);
        EndDelta(json, request, "", default);
        await events.SendAsync();

        for (int start = 0, end; start < text.Length; start = end)
        {
            end = Words.EndOfPiece(text, start);
            json = BeginDelta(events, request, choice);
            json.WriteString("content"u8, text.AsSpan(start, end - start));
            EndDelta(json, request, text.AsSpan(start, end - start), default);
            await events.SendAsync();
        }
    }

    private static async Task StreamToolAsync(EventStream events, ChatRequest request, ToolUse tool, int choice)
    {
        var json = BeginDelta(events, request, choice);
        json.WriteString("role"u8, "assistant"u8);
        json.WriteNull("content"u8);
        WriteToolCall(json, tool, "", isDelta: true);
        EndDelta(json, request, "", default);
        await events.SendAsync();

        for (var start = 0; start < tool.Arguments.Length; start += ArgumentCharactersPerChunk)
        {
            var length = Math.Min(ArgumentCharactersPerChunk, tool.Arguments.Length - start);
            json = BeginDelta(events, request, choice);
            json.WriteStartArray("tool_calls"u8);
            json.WriteStartObject();
            json.WriteNumber("index"u8, 0);
            json.WriteStartObject("function"u8);
            json.WriteString("arguments"u8, tool.Arguments.AsSpan(start, length));
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndArray();
            EndDelta(json, request, "", default);
            await events.SendAsync();
        }
    }

    private static Utf8JsonWriter BeginDelta(EventStream events, ChatRequest request, int choice)
    {
        var json = events.Begin();
        WriteHead(json, request, "chat.completion.chunk"u8);
        json.WriteStartObject();
        json.WriteNumber("index"u8, choice);
        json.WriteStartObject("delta"u8);
        return json;
    }

    private static void EndDelta(
        Utf8JsonWriter json,
        ChatRequest request,
        ReadOnlySpan<char> piece,
        ReadOnlySpan<byte> finishReason)
    {
        json.WriteEndObject();
        WriteLogprobs(json, request, piece);
        if (finishReason.IsEmpty)
        {
            json.WriteNull("finish_reason"u8);
        }
        else
        {
            json.WriteString("finish_reason"u8, finishReason);
        }

        json.WriteEndObject();
        json.WriteEndArray();
        if (request.ReportsUsage)
        {
            json.WriteNull("usage"u8);
        }

        json.WriteString("service_tier"u8, "default"u8);
        json.WriteString("system_fingerprint"u8, "fp_simulator"u8);
        json.WriteEndObject();
    }
}
