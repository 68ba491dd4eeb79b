using System.Text;
using System.Text.Json;
using CsCheck;
using LlmProxy.Dispatching.Sinks;
using LlmProxy.Events;
using Xunit;

namespace LlmProxy.Tests.Dispatching.Sinks;

/// <summary>Bodies are anybody's: whatever they are, each service gets JSON that it can parse.</summary>
public sealed class SinkTotalityTests
{
    // Words that the readers look for, so that they get as far as they can; and two that are no text.
    private static readonly string[] Words =
    [
        "model", "messages", "role", "content", "parts", "type", "text", "tool_calls", "tool_call_id", "function",
        "name", "arguments", "id", "custom", "input", "instructions", "system", "output", "choices", "message",
        "finish_reason", "refusal", "reasoning_content", "function_call", "prompt", "usage", "stop", "n", "user",
        "metadata", "error", "status", "source", "data", "media_type", "url", "image_url", "input_audio", "format",
        "file", "file_id", "tool_use", "tool_result", "tool_use_id", "thinking", "assistant", "tool", "input_text",
        "output_text", "reasoning", "summary", "function_call_output", "base64", "image", "stream", "dimensions",
        "incomplete_details", "reason", "response_format", "data:image/png;base64,AA", "Zoë 🙂", "\\u0000", "\\ud800",
        "\\udc00\\ud800", "tags", "seed",
    ];

    private static readonly Gen<string> Name = Gen.OneOf(Words).Select(static word => $"\"{word}\"");

    private static readonly Gen<string> Simple = Gen.Frequency(
        (6, Name),
        (1, Gen.OneOf("null", "true", "false", "0", "-1", "1.5", "1e400", "-1e-400", "12345678901234567890")),
        (1, Gen.OneOf("\"\"", "\"{\\\"a\\\":1}\"", "\"[1,2\"", "{}", "[]")));

    private static readonly Gen<string> Json = Gen.Recursive<string>(static (depth, inner) =>
        depth > 6
            ? Simple
            : Gen.Frequency(
                (2, Simple),
                (3, Gen.Select(Name, inner, static (name, value) => $"{name}:{value}").Array[0, 6]
                    .Select(static members => $"{{{string.Join(',', members)}}}")),
                (2, inner.Array[0, 4].Select(static items => $"[{string.Join(',', items)}]"))));

    private static readonly Gen<EventBody?> Body = Gen.Frequency(
        (1, Gen.Bool.Select(static _ => (EventBody?)null)),
        (8, Json.Select(static json => Given.Body(json))),
        (1, Gen.String.Select(static text => (EventBody?)new EventBody { Text = text, Truncated = true })),
        (1, Gen.Byte.Array.Select(static bytes =>
            (EventBody?)new EventBody { Base64 = Convert.ToBase64String(bytes) })));

    private static readonly Gen<ExchangeEvent> Exchange =
        from request in Body
        from response in Body
        from provider in Gen.OneOf("openai", "anthropic", "google", "other", null)
        from operation in Gen.OneOf("chat", "text_completion", "embeddings", null)
        from status in Gen.OneOf(0, 200, 204, 304, 429, 500, 999, -1)
        from duration in Gen.OneOf(0, 12.5, -3, double.NaN, double.PositiveInfinity, 1e300)
        from start in Gen.OneOf(
            Given.Start, DateTimeOffset.MinValue, DateTimeOffset.MaxValue, DateTimeOffset.UnixEpoch)
        from stream in Gen.Bool
        select Given.Chat(null, null) with
        {
            Provider = provider,
            Operation = operation,
            Status = status,
            Outcome = status == 0 ? "client_gone" : "served",
            DurationMs = duration,
            TimeToFirstByteMs = duration,
            StartedAt = start,
            Stream = stream,
            Request = new EventMessage { Body = request },
            Response = new EventMessage { Body = response },
        };

    public static TheoryData<string> Writers => ["lunary", "helicone", "span", "content"];

    [Theory]
    [MemberData(nameof(Writers))]
    public void Whatever_the_bodies_are_what_is_sent_is_json(string writer) =>
        Exchange.Sample(
            exchange =>
            {
                using var written = JsonDocument.Parse(Write(writer, exchange));
                return written.RootElement.ValueKind == JsonValueKind.Array;
            },
            iter: 20_000,
            print: static exchange => $"{exchange.Request.Body?.Json} {exchange.Response.Body?.Json}");

    [Theory]
    [InlineData("""{"messages":[{"role":"user","content":"\ud800"}],"\ud800":1}""")]
    [InlineData("""{"messages":[[[[]]],null,1,"x",{"role":7,"content":{"type":8}}]}""")]
    [InlineData("""{"choices":[null,{},{"message":7},{"text":[]}]}""")]
    [InlineData("""{"output":[null,{"type":"reasoning","summary":7}],"status":[]}""")]
    [InlineData("[]")]
    [InlineData("7")]
    [InlineData("null")]
    [InlineData("\"text\"")]
    public async Task A_body_of_any_shape_reaches_every_service(string json)
    {
        var record = Verbatim(json);
        foreach (var name in new[] { "lunary", "helicone", "webhook", "otlp" })
        {
            await using var service = await FakeService.StartAsync();
            service.Answer = post => name == "lunary" ? LunaryShapes.Answer(post) : new FakeAnswer(200, "{}");
            await using var sink = Given.Sink(name, service);

            Assert.Equal(["Accepted"], await sink.DeliverAsync(record));
            Assert.NotEqual(JsonValueKind.Null, service.Received[0].Json.ValueKind);
        }
    }

    /// <summary>An event with these very bytes as its bodies.</summary>
    private static EventRecord Verbatim(string json)
    {
        var record = Given.Record(Given.Chat("\"here\"", "\"here\""));
        var text = Encoding.UTF8.GetString(record.Json.Span);
        return record with
        {
            Json = Encoding.UTF8.GetBytes(
                text.Replace("\"json\":\"here\"", $"\"json\":{json}", StringComparison.Ordinal)),
        };
    }

    // In brackets, so that two events are one text.
    private static byte[] Write(string writer, ExchangeEvent exchange) =>
    [
        (byte)'[',
        .. writer switch
        {
            "lunary" => LunaryRun.Write(exchange),
            "helicone" => HeliconeLog.Write(exchange),
            "span" => OtlpSpan.Write(exchange),
            _ => OtlpContent.Write(exchange) is { Length: > 0 } content ? content : Encoding.UTF8.GetBytes("null"),
        },
        (byte)']',
    ];
}
