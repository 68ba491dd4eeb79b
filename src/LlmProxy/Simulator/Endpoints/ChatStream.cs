using System.Text.Json;
using LlmProxy.Simulator.Language;
using LlmProxy.Simulator.Wire;

namespace LlmProxy.Simulator.Endpoints;

/// <summary>An answer of <c>/v1/chat/completions</c> as a stream of chunks, one choice after the other.</summary>
internal sealed class ChatStream(EventStream events, ChatRequest request)
{
    private const int ArgumentCharactersPerChunk = 8;

    public static async Task SendAsync(SimulatedCall call, ChatRequest request)
    {
        using var events = new EventStream(call);
        await new ChatStream(events, request).SendAsync();
    }

    private async Task SendAsync()
    {
        for (var choice = 0; choice < request.Answers.Count; choice++)
        {
            var answer = request.Answers[choice];
            await (request.Question.Tool is { } tool
                ? SendToolAsync(tool, answer.Tokens, choice)
                : SendTextAsync(answer.Text, choice));

            EndDelta(BeginDelta(choice), "", ChatCompletions.FinishReason(request, answer));
            await events.SendAsync();
        }

        var isUsageLate = request.Usage.Form == UsageForm.AfterEnd;
        if (request.ReportsUsage && !isUsageLate)
        {
            await SendUsageAsync();
        }

        await events.SendDoneAsync();
        if (isUsageLate)
        {
            await SendUsageAsync();
        }

        await events.EndAsync();
    }

    private ValueTask SendUsageAsync()
    {
        var json = events.Begin();
        ChatCompletions.WriteHead(json, request, "chat.completion.chunk"u8);
        json.WriteEndArray();
        request.Usage.WriteForChat(json);
        json.WriteEndObject();
        return events.SendAsync();
    }

    private async Task SendTextAsync(string text, int choice)
    {
        var json = BeginDelta(choice);
        json.WriteString("role"u8, "assistant"u8);
        json.WriteString("content"u8, ""u8);
        json.WriteNull("refusal"u8);
        EndDelta(json, "", default);
        await events.SendAsync();

        for (int start = 0, end; start < text.Length; start = end)
        {
            end = Words.EndOfPiece(text, start);
            json = BeginDelta(choice);
            json.WriteString("content"u8, text.AsSpan(start, end - start));
            EndDelta(json, text.AsSpan(start, end - start), default);
            await events.SendAsync(words: 1);
        }
    }

    private async Task SendToolAsync(ToolUse tool, int tokens, int choice)
    {
        var json = BeginDelta(choice);
        json.WriteString("role"u8, "assistant"u8);
        json.WriteNull("content"u8);
        ChatCompletions.WriteToolCall(json, tool, "", isDelta: true);
        EndDelta(json, "", default);
        await events.SendAsync();

        for (var start = 0; start < tool.Arguments.Length; start += ArgumentCharactersPerChunk)
        {
            var length = Math.Min(ArgumentCharactersPerChunk, tool.Arguments.Length - start);
            json = BeginDelta(choice);
            json.WriteStartArray("tool_calls"u8);
            json.WriteStartObject();
            json.WriteNumber("index"u8, 0);
            json.WriteStartObject("function"u8);
            json.WriteString("arguments"u8, tool.Arguments.AsSpan(start, length));
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndArray();
            EndDelta(json, "", default);
            await events.SendAsync(words: start + length == tool.Arguments.Length ? tokens : 0);
        }
    }

    private Utf8JsonWriter BeginDelta(int choice)
    {
        var json = events.Begin();
        ChatCompletions.WriteHead(json, request, "chat.completion.chunk"u8);
        json.WriteStartObject();
        json.WriteNumber("index"u8, choice);
        json.WriteStartObject("delta"u8);
        return json;
    }

    private void EndDelta(Utf8JsonWriter json, ReadOnlySpan<char> piece, ReadOnlySpan<byte> finishReason)
    {
        json.WriteEndObject();
        ChatCompletions.WriteLogprobs(json, request, piece);
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
        if (request.Usage.Form == UsageForm.Early)
        {
            (request.Usage with { Output = events.Words + (piece.IsEmpty ? 0 : 1) }).WriteForChat(json);
        }
        else if (request.ReportsUsage)
        {
            json.WriteNull("usage"u8);
        }

        json.WriteString("service_tier"u8, "default"u8);
        json.WriteString("system_fingerprint"u8, "fp_simulator"u8);
        json.WriteEndObject();
    }
}
