using System.Text;
using LlmProxy.Usage.Reading;

namespace LlmProxy.Tests.Usage.Reading;

/// <summary>Answers as the providers send them, and what a reader makes of them.</summary>
internal static class Answers
{
    public const string Json = "application/json";
    public const string EventStream = "text/event-stream; charset=utf-8";

    public const string Chat =
        """
        {"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4o-mini-2024-07-18",
        "choices":[{"index":0,"message":{"role":"assistant","content":"Hello \"you\"","refusal":null},
        "finish_reason":"stop"}],
        "usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,
        "prompt_tokens_details":{"cached_tokens":8,"audio_tokens":2},
        "completion_tokens_details":{"reasoning_tokens":4,"audio_tokens":1,"accepted_prediction_tokens":0}},
        "service_tier":"default"}
        """;

    public const string ChatStream =
        "data: {\"id\":\"c\",\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\","
        + "\"content\":\"\"}}],\"usage\":null}\n\n"
        + "data: {\"id\":\"c\",\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}],"
        + "\"usage\":null}\n\n"
        + "data: {\"id\":\"c\",\"model\":\"gpt-4o\",\"choices\":[{\"index\":1,\"delta\":{\"content\":\"Salü\"}}]}\n\n"
        + "data: {\"id\":\"c\",\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{"
        + "\"content\":\"lo \\ud83d\\ude00\"}}]}"
        + "\n\n"
        + "data: {\"id\":\"c\",\"model\":\"gpt-4o\",\"choices\":[],"
        + "\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":3}}"
        + "\n\n"
        + "data: [DONE]\n\n";

    public const string ResponsesStream =
        "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"model\":\"gpt-5\","
        + "\"service_tier\":\"auto\",\"usage\":null,\"output\":[]}}\n\n"
        + "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"output_index\":1,"
        + "\"content_index\":0,\"delta\":\"Hi\"}\n\n"
        + "data: {\"type\":\"response.output_audio.delta\",\"output_index\":1,\"delta\":\"AAAA\"}\n\n"
        + "data: {\"delta\":\" there\",\"output_index\":1,\"type\":\"response.output_text.delta\"}\n\n"
        + "data: {\"type\":\"response.output_text.done\",\"output_index\":1,\"text\":\"Hi there\"}\n\n"
        + "data: {\"type\":\"response.completed\",\"response\":{\"model\":\"gpt-5\",\"service_tier\":\"default\","
        + "\"output\":[{\"content\":[{\"text\":\"Hi there\"}]}],\"usage\":{\"input_tokens\":37,"
        + "\"input_tokens_details\":{\"cached_tokens\":7},\"output_tokens\":11,"
        + "\"output_tokens_details\":{\"reasoning_tokens\":6},\"total_tokens\":48}}}\n\n";

    public const string AnthropicStream =
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\","
        + "\"model\":\"claude-sonnet-4-5\",\"content\":[],\"usage\":{\"input_tokens\":25,"
        + "\"cache_creation_input_tokens\":100,\"cache_read_input_tokens\":1000,\"output_tokens\":1,"
        + "\"service_tier\":\"standard\"}}}\n\n"
        + "event: ping\ndata: {\"type\": \"ping\"}\n\n"
        + "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\","
        + "\"thinking\":\"Hm.\"}}\n\n"
        + "data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{"
        + "\"type\":\"text_delta\",\"text\":\"Yes\"}}\n\n"
        + "data: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\","
        + "\"partial_json\":\"{\\\"usage\\\": 1}\"}}\n\n"
        + "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},"
        + "\"usage\":{\"output_tokens\":15}}\n\n"
        + "data: {\"type\":\"message_stop\"}\n\n";

    /// <summary>Reads all of it in pieces of so many bytes.</summary>
    public static AnswerFacts FactsOf(string answer, string type = Json, int size = int.MaxValue) =>
        FactsOf(Encoding.UTF8.GetBytes(answer), type, coding: null, size);

    public static AnswerFacts FactsOf(byte[] answer, string type, string? coding, int size = int.MaxValue)
    {
        using var reader = ReaderOf(answer, type, coding, size);
        return reader.Finish(isComplete: true);
    }

    /// <summary>What was said, one text per choice.</summary>
    public static List<string> TextsOf(string answer, string type = Json, int size = int.MaxValue)
    {
        using var reader = ReaderOf(Encoding.UTF8.GetBytes(answer), type, coding: null, size);
        return TextsOf(reader);
    }

    public static List<string> TextsOf(AnswerReader reader)
    {
        using var text = reader.TakeText();
        return [.. Enumerable.Range(0, text?.Count ?? 0).Select(index => Encoding.UTF8.GetString(text![index]))];
    }

    public static AnswerReader ReaderOf(byte[] answer, string type, string? coding, int size = int.MaxValue)
    {
        var reader = AnswerReader.For(type, coding)!;
        foreach (var piece in answer.Chunk(Math.Min(size, Math.Max(1, answer.Length))))
        {
            reader.Read(piece);
        }

        return reader;
    }
}
