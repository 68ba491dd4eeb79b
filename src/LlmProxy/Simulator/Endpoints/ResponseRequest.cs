using System.Text.Json;
using LlmProxy.Simulator.Language;
using LlmProxy.Simulator.Wire;

namespace LlmProxy.Simulator.Endpoints;

/// <summary>A request for a response, and the response object in the states that a stream shows of it.</summary>
internal sealed record ResponseRequest(string Id, string ItemId, Question Question, Answer Answer, bool IsStreamed)
{
    /// <summary>What the answer costs; the words in it unless something else is to be told.</summary>
    public WordUsage Usage { get; init; } = new(Question.Conversation.Tokens, Answer.Tokens);

    /// <summary>To be answered later, which never happens here.</summary>
    public bool IsInBackground { get; private init; }

    public string FinalStatus => Answer.IsCut ? "incomplete" : "completed";

    /// <summary>The request, or null with what is wrong in it.</summary>
    public static ResponseRequest? Read(JsonElement root, Faults faults, out ApiError? error)
    {
        var fields = new Fields(root);
        var conversation = Conversation.Read(fields.Required("input"), fields.Optional("instructions"));
        var question = new Question(fields.RequiredText("model"), conversation)
        {
            TokensMax = faults.LimitOf(fields.Integer("max_output_tokens", 1, int.MaxValue)),
            WordCount = faults.Chunks,
            Format = FormatIn(new Fields(fields.Optional("text")).Optional("format")),
            Tool = Tools.Choose(root, conversation, "call_"),
        };
        var seed = Seed.Of(conversation.Prompt);
        var (isStreamed, isInBackground) = (fields.Flag("stream"), fields.Flag("background"));
        error = fields.Error;
        if (error is not null)
        {
            return null;
        }

        var answer = Answer.To(question);
        return new(seed.NextId("resp_"), seed.NextId("msg_"), question, answer, isStreamed)
        {
            Usage = faults.Usage.Of(new WordUsage(conversation.Tokens, answer.Tokens)),
            IsInBackground = isInBackground,
        };
    }

    /// <summary>The response object when nothing or everything of it is done.</summary>
    public void Write(Utf8JsonWriter json, bool isFinal) =>
        Write(json, isFinal ? FinalStatus : "in_progress", isFinal, isFinal ? Usage : null);

    /// <summary>The response object in any state; <paramref name="isFinal"/> ones have their output.</summary>
    public void Write(Utf8JsonWriter json, string status, bool isFinal, WordUsage? usage)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, Id);
        json.WriteString("object"u8, "response"u8);
        json.WriteNumber("created_at"u8, Origin.UnixSeconds);
        json.WriteString("status"u8, status);
        json.WriteNull("error"u8);
        WriteIncompleteDetails(json, isFinal);
        json.WriteNull("instructions"u8);
        json.WriteNull("max_output_tokens"u8);
        json.WriteString("model"u8, Question.Model);
        json.WriteStartArray("output"u8);
        if (isFinal)
        {
            WriteItem(json, isDone: true);
        }

        json.WriteEndArray();
        json.WriteBoolean("parallel_tool_calls"u8, true);
        json.WriteNull("previous_response_id"u8);
        json.WriteBoolean("store"u8, false);
        json.WriteNumber("temperature"u8, 1);
        json.WriteString("tool_choice"u8, "auto"u8);
        json.WriteStartArray("tools"u8);
        json.WriteEndArray();
        json.WriteNumber("top_p"u8, 1);
        json.WriteString("truncation"u8, "disabled"u8);
        if (usage is { } told)
        {
            told.WriteForResponses(json);
        }
        else
        {
            json.WriteNull("usage"u8);
        }

        json.WriteStartObject("metadata"u8);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>The one output item: a message, or the call of a tool.</summary>
    public void WriteItem(Utf8JsonWriter json, bool isDone)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, ItemId);
        json.WriteString("type"u8, Question.Tool is null ? "message"u8 : "function_call"u8);
        json.WriteString("status"u8, isDone ? FinalStatus : "in_progress");
        if (Question.Tool is { } tool)
        {
            json.WriteString("call_id"u8, tool.Id);
            json.WriteString("name"u8, tool.Name);
            json.WriteString("arguments"u8, isDone ? tool.Arguments : "");
        }
        else
        {
            json.WriteString("role"u8, "assistant"u8);
            json.WriteStartArray("content"u8);
            if (isDone)
            {
                WritePart(json, Answer.Text);
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    public static void WritePart(Utf8JsonWriter json, string text)
    {
        json.WriteStartObject();
        json.WriteString("type"u8, "output_text"u8);
        json.WriteString("text"u8, text);
        json.WriteStartArray("annotations"u8);
        json.WriteEndArray();
        json.WriteStartArray("logprobs"u8);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private void WriteIncompleteDetails(Utf8JsonWriter json, bool isFinal)
    {
        if (isFinal && Answer.IsCut)
        {
            json.WriteStartObject("incomplete_details"u8);
            json.WriteString("reason"u8, "max_output_tokens"u8);
            json.WriteEndObject();
        }
        else
        {
            json.WriteNull("incomplete_details"u8);
        }
    }

    private static JsonElement? FormatIn(JsonElement format) => Conversation.StringOf(format, "type"u8) switch
    {
        "json_schema" => new Fields(format).Optional("schema"),
        "json_object" => default(JsonElement),
        _ => null,
    };
}
