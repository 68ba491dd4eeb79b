using System.Text.Json;
using LlmProxy.Simulator.Language;
using LlmProxy.Simulator.Wire;

namespace LlmProxy.Simulator.Endpoints;

/// <summary><c>/v1/messages</c> in Anthropic's shape, whole or streamed.</summary>
internal static class Messages
{
    public static async Task AnswerAsync(SimulatedCall call)
    {
        using var body = await ReadAsync(call);
        if (body is null)
        {
            return;
        }

        var fields = new Fields(body.Root);
        var conversation = Conversation.Read(fields.RequiredList("messages"), fields.Optional("system"));
        fields.Required("max_tokens");
        var question = new Question(fields.RequiredText("model"), conversation)
        {
            TokensMax = call.Faults.LimitOf(fields.Integer("max_tokens", 1, int.MaxValue)),
            WordCount = call.Faults.Chunks,
            Stop = fields.Optional("stop_sequences"),
            Tool = Tools.Choose(body.Root, conversation, "toolu_"),
        };
        var answer = Answer.To(question);
        var usage = call.Faults.Usage.Of(new WordUsage(conversation.Tokens, answer.Tokens));
        var message = new Message(Seed.Of(conversation.Prompt).NextId("msg_"), question, answer, usage);
        var isStreamed = fields.Flag("stream");
        if (fields.Error is { } error)
        {
            await call.RefuseAsync(error);
            return;
        }

        call.Charge(question.Model, usage);
        await (isStreamed
            ? StreamAsync(call, message)
            : call.SendJsonAsync(message, static (json, message) => message.Write(json, isFinal: true)));
    }

    public static async Task CountTokensAsync(SimulatedCall call)
    {
        using var body = await ReadAsync(call);
        if (body is null)
        {
            return;
        }

        var fields = new Fields(body.Root);
        var conversation = Conversation.Read(fields.RequiredList("messages"), fields.Optional("system"));
        await (fields.Error is { } error
            ? call.RefuseAsync(error)
            : call.SendJsonAsync(conversation.Tokens, static (json, tokens) =>
            {
                json.WriteStartObject();
                json.WriteNumber("input_tokens"u8, tokens);
                json.WriteEndObject();
            }));
    }

    private static async Task<JsonBody?> ReadAsync(SimulatedCall call)
    {
        if (call.Header("anthropic-version") is null)
        {
            await call.RefuseAsync(new(400, "invalid_request_error", "anthropic-version: header is required"));
            return null;
        }

        return await call.ReadJsonAsync();
    }

    private static async Task StreamAsync(SimulatedCall call, Message message)
    {
        using var stream = new EventStream(call);
        var json = Begin(stream, "message_start");
        json.WritePropertyName("message"u8);
        message.Write(json, isFinal: false);
        await EndAsync(stream, json);

        json = Begin(stream, "content_block_start");
        json.WriteNumber("index"u8, 0);
        json.WritePropertyName("content_block"u8);
        message.WriteBlock(json, isDone: false);
        await EndAsync(stream, json);
        await EndAsync(stream, Begin(stream, "ping"));

        var text = message.Question.Tool?.Arguments ?? message.Answer.Text;
        for (int start = 0, end; start < text.Length; start = end)
        {
            end = Words.EndOfPiece(text, start);
            json = Begin(stream, "content_block_delta");
            json.WriteNumber("index"u8, 0);
            message.WriteDelta(json, text.AsSpan(start, end - start));
            await EndAsync(stream, json, words: message.Question.Tool is null ? 1 : 0);
            if (message.Usage.Form == UsageForm.Early)
            {
                json = Begin(stream, "message_delta");
                message.WriteEndDelta(json, isEnd: false, message.Usage with { Output = stream.Words });
                await EndAsync(stream, json);
            }
        }

        json = Begin(stream, "content_block_stop");
        json.WriteNumber("index"u8, 0);
        await EndAsync(stream, json, words: message.Question.Tool is null ? 0 : message.Answer.Tokens);

        var isUsageLate = message.Usage.Form == UsageForm.AfterEnd;
        json = Begin(stream, "message_delta");
        message.WriteEndDelta(json, isEnd: true, isUsageLate ? null : message.Usage);
        await EndAsync(stream, json);
        await EndAsync(stream, Begin(stream, "message_stop"));
        if (isUsageLate)
        {
            json = Begin(stream, "message_delta");
            message.WriteEndDelta(json, isEnd: true, message.Usage);
            await EndAsync(stream, json);
        }

        await stream.EndAsync();
    }

    private static Utf8JsonWriter Begin(EventStream stream, string name)
    {
        var json = stream.Begin(name);
        json.WriteStartObject();
        json.WriteString("type"u8, name);
        return json;
    }

    private static ValueTask EndAsync(EventStream stream, Utf8JsonWriter json, int words = 0)
    {
        json.WriteEndObject();
        return stream.SendAsync(words);
    }

    private sealed record Message(string Id, Question Question, Answer Answer, WordUsage Usage)
    {
        private string StopReason =>
            Answer.IsCut ? "max_tokens" : Question.Tool is not null ? "tool_use" : "end_turn";

        public void Write(Utf8JsonWriter json, bool isFinal)
        {
            json.WriteStartObject();
            json.WriteString("id"u8, Id);
            json.WriteString("type"u8, "message"u8);
            json.WriteString("role"u8, "assistant"u8);
            json.WriteString("model"u8, Question.Model);
            json.WriteStartArray("content"u8);
            if (isFinal)
            {
                WriteBlock(json, isDone: true);
            }

            json.WriteEndArray();
            json.WriteString("stop_reason"u8, isFinal ? StopReason : null);
            json.WriteNull("stop_sequence"u8);
            (isFinal ? Usage : Usage with { Output = 1 }).WriteForMessages(json);
            json.WriteEndObject();
        }

        public void WriteBlock(Utf8JsonWriter json, bool isDone)
        {
            json.WriteStartObject();
            if (Question.Tool is { } tool)
            {
                json.WriteString("type"u8, "tool_use"u8);
                json.WriteString("id"u8, tool.Id);
                json.WriteString("name"u8, tool.Name);
                json.WritePropertyName("input"u8);
                json.WriteRawValue(isDone ? tool.Arguments : "{}");
            }
            else
            {
                json.WriteString("type"u8, "text"u8);
                json.WriteString("text"u8, isDone ? Answer.Text : "");
            }

            json.WriteEndObject();
        }

        public void WriteDelta(Utf8JsonWriter json, ReadOnlySpan<char> piece)
        {
            json.WriteStartObject("delta"u8);
            json.WriteString("type"u8, Question.Tool is null ? "text_delta"u8 : "input_json_delta"u8);
            json.WriteString(Question.Tool is null ? "text"u8 : "partial_json"u8, piece);
            json.WriteEndObject();
        }

        public void WriteEndDelta(Utf8JsonWriter json, bool isEnd, WordUsage? usage)
        {
            json.WriteStartObject("delta"u8);
            json.WriteString("stop_reason"u8, isEnd ? StopReason : null);
            json.WriteNull("stop_sequence"u8);
            json.WriteEndObject();
            usage?.WriteForEndOfMessage(json);
        }
    }
}
