using System.Text;
using System.Text.Json;
using LlmProxy.Simulator.Language;
using LlmProxy.Simulator.Wire;

namespace LlmProxy.Simulator.Endpoints;

/// <summary><c>/v1/chat/completions</c>, whole or streamed.</summary>
internal static class ChatCompletions
{
    public static async Task AnswerAsync(SimulatedCall call)
    {
        using var body = await call.ReadJsonAsync();
        if (body is null)
        {
            return;
        }

        if (ChatRequest.Read(body.Root, call.Faults, out var error) is not { } request)
        {
            await call.RefuseAsync(error!);
            return;
        }

        call.Charge(request.Question.Model, request.Usage, !request.IsStreamed || request.ReportsUsage);
        await (request.IsStreamed ? ChatStream.SendAsync(call, request) : call.SendJsonAsync(request, WriteWhole));
    }

    /// <summary>The whole answer to a request that lies in a batch; the error when it is not one.</summary>
    public static ApiError? Write(Utf8JsonWriter json, JsonElement root)
    {
        if (ChatRequest.Read(root, Faults.None, out var error) is { } request)
        {
            WriteWhole(json, request);
        }

        return error;
    }

    private static void WriteWhole(Utf8JsonWriter json, ChatRequest request)
    {
        WriteHead(json, request, "chat.completion"u8);
        for (var choice = 0; choice < request.Answers.Count; choice++)
        {
            WriteChoice(json, request, request.Answers[choice], choice);
        }

        json.WriteEndArray();
        request.Usage.WriteForChat(json);
        json.WriteString("service_tier"u8, "default"u8);
        json.WriteString("system_fingerprint"u8, "fp_simulator"u8);
        json.WriteEndObject();
    }

    public static void WriteHead(Utf8JsonWriter json, ChatRequest request, ReadOnlySpan<byte> kind)
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

    public static void WriteToolCall(Utf8JsonWriter json, ToolUse tool, string arguments, bool isDelta)
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

    public static void WriteLogprobs(Utf8JsonWriter json, ChatRequest request, ReadOnlySpan<char> text)
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

    public static ReadOnlySpan<byte> FinishReason(ChatRequest request, Answer answer) =>
        answer.IsCut ? "length"u8 : request.Question.Tool is not null ? "tool_calls"u8 : "stop"u8;
}
