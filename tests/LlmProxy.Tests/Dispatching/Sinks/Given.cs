using System.Text.Json;
using LlmProxy.Dispatching;
using LlmProxy.Dispatching.Sinks;
using LlmProxy.Events;
using LlmProxy.Secrets;
using Xunit;

namespace LlmProxy.Tests.Dispatching.Sinks;

/// <summary>Exchanges as they come off the bus.</summary>
internal static class Given
{
    public const string ApiKey = "key-of-the-tests";

    public static readonly DateTimeOffset Start = new(2026, 3, 14, 15, 9, 26, 535, TimeSpan.Zero);

    public const string ChatRequest =
        """
        {"model":"gpt-4o","temperature":0.5,"max_tokens":100,"n":2,"seed":7,"stop":["END"],"user":"user-1",
         "messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Weather in Paris?"},
          {"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function",
           "function":{"name":"get_weather","arguments":"{\"city\":\"Paris\"}"}}]},
          {"role":"tool","tool_call_id":"call_1","content":"rainy, 14 degrees"}]}
        """;

    public const string ChatResponse =
        """
        {"id":"chatcmpl-1","object":"chat.completion","model":"gpt-4o-2024-08-06","choices":[
         {"index":0,"message":{"role":"assistant","content":"It rains.","refusal":null},"finish_reason":"stop"},
         {"index":1,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"call_2","type":"function",
          "function":{"name":"get_weather","arguments":"{\"city\":\"Lyon\"}"}}]},"finish_reason":"tool_calls"}]}
        """;

    public const string AnthropicRequest =
        """
        {"model":"claude-sonnet-4-5","max_tokens":1024,"system":"Be brief.","messages":[
         {"role":"user","content":"Weather in Paris?"},
         {"role":"assistant","content":[{"type":"thinking","thinking":"A tool knows.","signature":"c2ln"},
          {"type":"tool_use","id":"toolu_1","name":"get_weather","input":{"city":"Paris"}}]},
         {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1",
           "content":[{"type":"text","text":"rainy"},{"type":"text","text":"14 degrees"}]},
          {"type":"text","text":"And now?"},
          {"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgo="}}]}]}
        """;

    public const string AnthropicResponse =
        """
        {"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5",
         "content":[{"type":"text","text":"It rains."},
          {"type":"tool_use","id":"toolu_2","name":"get_weather","input":{"city":"Lyon"}}],
         "stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":5}}
        """;

    public const string ResponsesRequest =
        """
        {"model":"gpt-5","instructions":"Be brief.","max_output_tokens":300,"reasoning":{"effort":"low"},
         "previous_response_id":"resp_0","text":{"format":{"type":"json_schema","name":"weather","schema":{}}},
         "input":[{"role":"user","content":[{"type":"input_text","text":"Weather?"},
           {"type":"input_image","image_url":"https://example.org/sky.png"}]},
          {"type":"function_call","call_id":"call_1","name":"get_weather","arguments":"{\"city\":\"Paris\"}"},
          {"type":"function_call_output","call_id":"call_1","output":"{\"sky\":\"grey\"}"}]}
        """;

    public const string ResponsesResponse =
        """
        {"id":"resp_1","object":"response","status":"completed","model":"gpt-5","output":[
         {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"A tool knows."}]},
         {"type":"message","role":"assistant","content":[{"type":"output_text","text":"It rains.","annotations":[]}]},
         {"type":"web_search_call","id":"ws_1","status":"completed"}]}
        """;

    /// <summary>A chat of a client's that went well. Bodies are JSON; null for what was not kept.</summary>
    public static ExchangeEvent Chat(string? request = ChatRequest, string? response = ChatResponse) => new()
    {
        EventId = Guid.CreateVersion7(Start).ToString(),
        RequestId = "request-1",
        ProjectId = "0195a1b2-0000-7000-8000-000000000001",
        TokenId = "0195a1b2-0000-7000-8000-000000000002",
        Provider = "openai",
        Operation = "chat",
        Method = "POST",
        Path = "/v1/chat/completions",
        Status = 200,
        Outcome = "served",
        StartedAt = Start,
        SentAt = Start.AddMilliseconds(2),
        FirstByteAt = Start.AddMilliseconds(252),
        EndedAt = Start.AddMilliseconds(1500),
        DurationMs = 1500,
        TimeToFirstByteMs = 252,
        RequestModel = "gpt-4o",
        ResponseModel = "gpt-4o-2024-08-06",
        ServiceTier = "default",
        ResponseId = "chatcmpl-1",
        FinishReasons = ["stop", "tool_calls"],
        Cache = "miss",
        CostUsd = "0.000123",
        ClientIp = "192.0.2.0/24",
        Usage = new EventUsage
        {
            Source = "counted",
            PromptTokens = 82,
            CompletionTokens = 17,
            TotalTokens = 99,
            CachedTokens = 64,
            ReasoningTokens = 3,
        },
        Request = new EventMessage
        {
            Bytes = 400,
            ContentType = "application/json",
            Headers = Headers(
                ("helicone-user-id", "someone@example.org"),
                ("helicone-session-id", "session-1"),
                ("helicone-session-path", "/weather"),
                ("helicone-property-team", "blue")),
            Body = Body(request),
        },
        Response = new EventMessage
        {
            Bytes = 600,
            ContentType = "application/json",
            Headers = Headers(("content-type", "application/json")),
            Body = Body(response),
        },
    };

    public static ExchangeEvent Anthropic() => Chat(AnthropicRequest, AnthropicResponse) with
    {
        Provider = "anthropic",
        Path = "/v1/messages",
        RequestModel = "claude-sonnet-4-5",
        FinishReasons = ["tool_use"],
    };

    public static ExchangeEvent Responses() => Chat(ResponsesRequest, ResponsesResponse) with
    {
        Path = "/v1/responses",
        RequestModel = "gpt-5",
    };

    public static ExchangeEvent Refused() => Chat(null, null) with
    {
        Status = 429,
        Outcome = "refused",
        Refusal = "rate_limit_exceeded",
        ResponseModel = null,
        ResponseId = null,
        FinishReasons = null,
        SentAt = null,
        FirstByteAt = null,
        TimeToFirstByteMs = null,
        Usage = null,
    };

    public static ExchangeEvent Failed() => Chat(
        ChatRequest,
        """{"error":{"message":"The server had an error.","type":"server_error","param":null,"code":null}}""") with
    {
        Status = 500,
        ResponseModel = null,
        ResponseId = null,
        FinishReasons = null,
        Usage = null,
    };

    public static ExchangeEvent Streamed() => Chat() with
    {
        Stream = true,
        Response = new EventMessage { Bytes = 5000, Body = Body(ChatResponse)! with { Assembled = true } },
    };

    /// <summary>Nothing of the bodies, as by the default policy.</summary>
    public static ExchangeEvent WithoutBodies() => Chat(null, null);

    /// <summary>One of the above, by its name.</summary>
    public static ExchangeEvent Kind(string kind) => kind switch
    {
        "anthropic" => Anthropic(),
        "responses" => Responses(),
        "refused" => Refused(),
        "failed" => Failed(),
        "stream" => Streamed(),
        "none" => WithoutBodies(),
        _ => Chat(),
    };

    public static EventRecord Record(ExchangeEvent exchange) => new(exchange.EventId, EventJson.Write(exchange));

    public static EventRecord Unreadable() =>
        new("0195a1b2-0000-7000-8000-00000000dead", """{"schema_version":99,"event_id":"x"}"""u8.ToArray());

    public static IReadOnlyList<EventRecord> Records(int count) =>
        [.. Enumerable.Range(0, count).Select(static _ => Record(Chat()))];

    public static EventBody? Body(string? json) =>
        json is null ? null : new EventBody { Json = JsonDocument.Parse(json).RootElement };

    public static IReadOnlyDictionary<string, string> Headers(params (string Name, string Value)[] headers) =>
        headers.ToDictionary(
            static header => header.Name, static header => header.Value, StringComparer.Ordinal);

    /// <summary>The sink of that name, in front of the service.</summary>
    public static ISink Sink(string name, Uri service, TimeProvider clock, TimeSpan patience) => name switch
    {
        "lunary" => new LunarySink(
            new SinkPost(clock, patience), SinkEndpoint.Parse(service.AbsoluteUri, LunarySink.Path), Bearer),
        "helicone" => new HeliconeSink(
            new SinkPost(clock, patience), SinkEndpoint.Parse(service.AbsoluteUri, HeliconeSink.Path), Bearer),
        "webhook" => new WebhookSink(
            new SinkPost(clock, patience), service, WebhookKey.Parse(new Secret(ApiKey)), clock),
        _ => new OtlpSink(new SinkPost(clock, patience), service, Bearer),
    };

    public static ISink Sink(string name, FakeService service) =>
        Sink(name, service.Address, TimeProvider.System, SinkPost.DefaultPatience);

    /// <summary>The outcomes as text, such as <c>TryLater HTTP 500</c>.</summary>
    public static async Task<IReadOnlyList<string>> DeliverAsync(this ISink sink, params EventRecord[] batch)
    {
        var outcomes = await sink.DeliverAsync(batch, TestContext.Current.CancellationToken);
        return [.. outcomes.Select(static outcome => $"{outcome.Verdict} {outcome.Reason}".TrimEnd())];
    }

    private static SinkHeader Bearer => SinkHeader.Bearer(new Secret(ApiKey));
}
