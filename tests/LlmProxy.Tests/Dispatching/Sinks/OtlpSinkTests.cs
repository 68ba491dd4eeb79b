using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.Events;
using Xunit;

namespace LlmProxy.Tests.Dispatching.Sinks;

public sealed class OtlpSinkTests
{
    [Theory]
    [InlineData("chat", 2)]
    [InlineData("anthropic", 2)]
    [InlineData("responses", 2)]
    [InlineData("refused", 1)]
    [InlineData("failed", 2)]
    [InlineData("stream", 2)]
    [InlineData("none", 1)]
    public async Task Every_kind_of_exchange_has_the_form_that_the_conventions_describe(string kind, int requests)
    {
        await using var service = await FakeService.StartAsync();
        await using var sink = Given.Sink("otlp", service);

        var outcomes = await sink.DeliverAsync(Given.Record(Given.Kind(kind)));

        Assert.Equal(["Accepted"], outcomes);
        Assert.Equal(requests, service.Received.Count);
        Assert.Empty(service.Received.SelectMany(OtlpShapes.FaultsOf));
    }

    [Fact]
    public async Task An_exchange_is_a_client_span_with_its_real_times()
    {
        var span = await SpanOfAsync(Given.Chat());

        Assert.Equal("chat gpt-4o", span.GetProperty("name").GetString());
        Assert.Equal(3, span.GetProperty("kind").GetInt32());
        Assert.Equal("1773500966535000000", span.GetProperty("startTimeUnixNano").GetString());
        Assert.Equal("1773500968035000000", span.GetProperty("endTimeUnixNano").GetString());
        Assert.False(span.TryGetProperty("status", out _));
    }

    [Theory]
    [InlineData("gen_ai.operation.name", "\"chat\"")]
    [InlineData("gen_ai.provider.name", "\"openai\"")]
    [InlineData("gen_ai.request.model", "\"gpt-4o\"")]
    [InlineData("gen_ai.request.temperature", "0.5")]
    [InlineData("gen_ai.request.max_tokens", "100")]
    [InlineData("gen_ai.request.choice.count", "2")]
    [InlineData("gen_ai.request.seed", "7")]
    [InlineData("gen_ai.request.stop_sequences", "[\"END\"]")]
    [InlineData("gen_ai.response.model", "\"gpt-4o-2024-08-06\"")]
    [InlineData("gen_ai.response.id", "\"chatcmpl-1\"")]
    [InlineData("gen_ai.response.finish_reasons", "[\"stop\",\"tool_calls\"]")]
    [InlineData("gen_ai.usage.input_tokens", "82")]
    [InlineData("gen_ai.usage.output_tokens", "17")]
    [InlineData("gen_ai.usage.cache_read.input_tokens", "64")]
    [InlineData("gen_ai.usage.reasoning.output_tokens", "3")]
    [InlineData("openai.response.service_tier", "\"default\"")]
    [InlineData("http.response.status_code", "200")]
    [InlineData("llm_proxy.project.id", "\"0195a1b2-0000-7000-8000-000000000001\"")]
    [InlineData("llm_proxy.token.id", "\"0195a1b2-0000-7000-8000-000000000002\"")]
    [InlineData("llm_proxy.cost_usd", "\"0.000123\"")]
    [InlineData("llm_proxy.usage.source", "\"counted\"")]
    public async Task A_span_says_what_is_known(string name, string value)
    {
        var attributes = OtlpShapes.AttributesOf(await SpanOfAsync(Given.Chat()));

        Assert.Equal(value, attributes[name]?.ToJsonString());
    }

    [Theory]
    [InlineData("gen_ai.request.max_tokens", "300")]
    [InlineData("gen_ai.request.reasoning.level", "\"low\"")]
    [InlineData("gen_ai.request.previous_response.id", "\"resp_0\"")]
    [InlineData("gen_ai.output.type", "\"json\"")]
    public async Task A_span_says_what_the_responses_api_was_asked_for(string name, string value)
    {
        var attributes = OtlpShapes.AttributesOf(await SpanOfAsync(Given.Responses()));

        Assert.Equal(value, attributes[name]?.ToJsonString());
    }

    [Fact]
    public async Task A_stream_says_when_its_first_chunk_came()
    {
        var attributes = OtlpShapes.AttributesOf(await SpanOfAsync(Given.Streamed()));

        Assert.Equal("true", attributes["gen_ai.request.stream"]?.ToJsonString());
        Assert.Equal("0.25", attributes["gen_ai.response.time_to_first_chunk"]?.ToJsonString());
    }

    [Theory]
    [InlineData("refused", "rate_limit_exceeded")]
    [InlineData("failed", "500")]
    public async Task What_failed_is_an_error_of_a_few_kinds(string kind, string type)
    {
        var span = await SpanOfAsync(Given.Kind(kind));

        Assert.Equal(2, span.GetProperty("status").GetProperty("code").GetInt32());
        Assert.Equal(type, OtlpShapes.AttributesOf(span)["error.type"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("client_gone", "client_gone")]
    [InlineData("timed_out", "timeout")]
    [InlineData("truncated", "truncated")]
    [InlineData("revoked", "revoked")]
    public async Task What_was_broken_off_is_an_error_too(string outcome, string type)
    {
        var span = await SpanOfAsync(Given.Chat() with { Outcome = outcome });

        Assert.Equal(2, span.GetProperty("status").GetProperty("code").GetInt32());
        Assert.Equal(type, OtlpShapes.AttributesOf(span)["error.type"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("mistral", "mistral_ai")]
    [InlineData("azure", "azure.ai.openai")]
    [InlineData("house-of-ours", "house-of-ours")]
    public async Task A_provider_has_the_conventions_name_where_there_is_one(string provider, string name)
    {
        var attributes = OtlpShapes.AttributesOf(await SpanOfAsync(Given.Chat() with { Provider = provider }));

        Assert.Equal(name, attributes["gen_ai.provider.name"]!.GetValue<string>());
    }

    [Fact]
    public async Task What_is_no_operation_of_a_model_is_named_by_its_method()
    {
        var span = await SpanOfAsync(Given.WithoutBodies() with
        {
            Operation = null,
            RequestModel = null,
            Path = "/v1/files/file-1",
        });

        Assert.Equal("POST", span.GetProperty("name").GetString());
        Assert.Equal("/v1/files/file-1", OtlpShapes.AttributesOf(span)["url.path"]!.GetValue<string>());
    }

    [Fact]
    public async Task An_event_that_is_delivered_twice_is_the_same_span_and_its_trace_can_be_found_by_it()
    {
        var exchange = Given.Chat();

        var (first, second) = (await SpanOfAsync(exchange), await SpanOfAsync(exchange));

        Assert.Equal(first.GetRawText(), second.GetRawText());
        Assert.Equal(
            exchange.EventId.Replace("-", string.Empty, StringComparison.Ordinal),
            first.GetProperty("traceId").GetString());
    }

    [Fact]
    public async Task An_id_that_is_no_uuid_gives_ids_too()
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes("event-1")));

        var span = await SpanOfAsync(Given.Chat() with { EventId = "event-1" });

        Assert.Equal(hash[..32], span.GetProperty("traceId").GetString());
        Assert.Equal(hash[32..48], span.GetProperty("spanId").GetString());
    }

    [Fact]
    public async Task What_was_said_is_a_log_record_of_the_same_span()
    {
        var (span, record) = await BothOfAsync(Given.Chat());

        Assert.Equal("gen_ai.client.inference.operation.details", record.GetProperty("eventName").GetString());
        Assert.Equal(5, record.GetProperty("severityNumber").GetInt32());
        Assert.Equal(span.GetProperty("traceId").GetString(), record.GetProperty("traceId").GetString());
        Assert.Equal(span.GetProperty("spanId").GetString(), record.GetProperty("spanId").GetString());
    }

    [Fact]
    public async Task Chat_messages_have_the_conventions_form()
    {
        var attributes = await ContentOfAsync(Given.Chat());

        Assert.Equal(
            """
            [{"role":"system","parts":[{"type":"text","content":"Be brief."}]},
             {"role":"user","parts":[{"type":"text","content":"Weather in Paris?"}]},
             {"role":"assistant","parts":[{"type":"tool_call","id":"call_1","name":"get_weather",
              "arguments":{"city":"Paris"}}]},
             {"role":"tool","parts":[{"type":"tool_call_response","id":"call_1","response":"rainy, 14 degrees"}]}]
            """,
            attributes["gen_ai.input.messages"],
            JsonComparer.Instance);
        Assert.Equal(
            """
            [{"role":"assistant","parts":[{"type":"text","content":"It rains."}],"finish_reason":"stop"},
             {"role":"assistant","parts":[{"type":"tool_call","id":"call_2","name":"get_weather",
              "arguments":{"city":"Lyon"}}],"finish_reason":"tool_call"}]
            """,
            attributes["gen_ai.output.messages"],
            JsonComparer.Instance);
    }

    [Fact]
    public async Task Anthropics_messages_have_the_conventions_form()
    {
        var attributes = await ContentOfAsync(Given.Anthropic());

        Assert.Equal(
            """[{"type":"text","content":"Be brief."}]""",
            attributes["gen_ai.system_instructions"],
            JsonComparer.Instance);
        Assert.Equal(
            """
            [{"role":"user","parts":[{"type":"text","content":"Weather in Paris?"}]},
             {"role":"assistant","parts":[{"type":"reasoning","content":"A tool knows."},
              {"type":"tool_call","id":"toolu_1","name":"get_weather","arguments":{"city":"Paris"}}]},
             {"role":"tool","parts":[{"type":"tool_call_response","id":"toolu_1",
              "response":[{"type":"text","text":"rainy"},{"type":"text","text":"14 degrees"}]}]},
             {"role":"user","parts":[{"type":"text","content":"And now?"},
              {"type":"blob","modality":"image","mime_type":"image/png","content":"iVBORw0KGgo="}]}]
            """,
            attributes["gen_ai.input.messages"],
            JsonComparer.Instance);
        Assert.Equal(
            """
            [{"role":"assistant","parts":[{"type":"text","content":"It rains."},
              {"type":"tool_call","id":"toolu_2","name":"get_weather","arguments":{"city":"Lyon"}}],
              "finish_reason":"tool_call"}]
            """,
            attributes["gen_ai.output.messages"],
            JsonComparer.Instance);
    }

    [Fact]
    public async Task The_items_of_the_responses_api_have_the_conventions_form()
    {
        var attributes = await ContentOfAsync(Given.Responses());

        Assert.Equal(
            """
            [{"role":"user","parts":[{"type":"text","content":"Weather?"},
              {"type":"uri","modality":"image","uri":"https://example.org/sky.png"}]},
             {"role":"assistant","parts":[{"type":"tool_call","id":"call_1","name":"get_weather",
              "arguments":{"city":"Paris"}}]},
             {"role":"tool","parts":[{"type":"tool_call_response","id":"call_1","response":{"sky":"grey"}}]}]
            """,
            attributes["gen_ai.input.messages"],
            JsonComparer.Instance);
        Assert.Equal(
            """
            [{"role":"assistant","parts":[{"type":"reasoning","content":"A tool knows."},
              {"type":"text","content":"It rains."},
              {"type":"web_search_call","content":{"type":"web_search_call","id":"ws_1","status":"completed"}}],
              "finish_reason":"stop"}]
            """,
            attributes["gen_ai.output.messages"],
            JsonComparer.Instance);
    }

    [Fact]
    public async Task What_is_no_inference_has_its_bodies_in_an_event_of_ours()
    {
        var exchange = Given.Chat("""{"input":"Hello"}""", """{"data":[{"embedding":[0.5,null]}]}""");

        var (_, record) = await BothOfAsync(exchange with { Operation = "embeddings" });

        Assert.Equal("llm_proxy.exchange.bodies", record.GetProperty("eventName").GetString());
        Assert.Equal(
            """{"data":[{"embedding":[0.5,null]}]}""",
            OtlpShapes.AttributesOf(record)["llm_proxy.response.body"],
            JsonComparer.Instance);
    }

    [Fact]
    public async Task A_body_that_was_cut_is_text_and_says_so()
    {
        var exchange = Given.Chat();
        var cut = new EventBody { Text = """{"messages":[{"ro""", Truncated = true };

        var attributes = await ContentOfAsync(exchange with { Request = exchange.Request with { Body = cut } });

        Assert.Equal("true", attributes["llm_proxy.request.body_truncated"]?.ToJsonString());
        Assert.Equal(
            """[{"role":"user","parts":[{"type":"text","content":"{\"messages\":[{\"ro"}]}]""",
            attributes["gen_ai.input.messages"],
            JsonComparer.Instance);
    }

    [Theory]
    [InlineData(429, "TryLater HTTP 429")]
    [InlineData(502, "TryLater HTTP 502")]
    [InlineData(503, "TryLater HTTP 503")]
    [InlineData(504, "TryLater HTTP 504")]
    [InlineData(408, "Refused HTTP 408")]
    [InlineData(500, "Refused HTTP 500")]
    [InlineData(501, "Refused HTTP 501")]
    public async Task Only_what_the_protocol_calls_retryable_is_tried_later(int status, string outcome)
    {
        await using var service = await FakeService.StartAsync();
        service.Answer = _ => new FakeAnswer(status);
        await using var sink = Given.Sink("otlp", service);

        Assert.Equal([outcome], await sink.DeliverAsync(Given.Record(Given.Chat())));
    }

    [Theory]
    [InlineData("""{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}}""")]
    [InlineData("""{"partialSuccess":{"rejectedSpans":1}}""")]
    public async Task A_span_that_is_rejected_is_refused(string answer)
    {
        await using var service = await FakeService.StartAsync();
        service.Answer = _ => new FakeAnswer(200, answer);
        await using var sink = Given.Sink("otlp", service);

        Assert.Equal(["Refused 1 of 1 rejected"], await sink.DeliverAsync(Given.Record(Given.Chat())));
        Assert.Equal(
            ["RefusedTogether 1 of 2 rejected", "RefusedTogether 1 of 2 rejected"],
            await sink.DeliverAsync([.. Given.Records(2)]));
    }

    [Theory]
    [InlineData("""{"partialSuccess":{}}""")]
    [InlineData("""{"partialSuccess":{"rejectedSpans":"0","errorMessage":"Use the new address."}}""")]
    [InlineData("""{"partialSuccess":7}""")]
    [InlineData("""[1,2]""")]
    [InlineData("\u0001\u0002")]
    [InlineData("")]
    public async Task A_success_without_rejections_is_one_whatever_else_it_says(string answer)
    {
        await using var service = await FakeService.StartAsync();
        service.Answer = _ => new FakeAnswer(200, answer);
        await using var sink = Given.Sink("otlp", service);

        Assert.Equal(["Accepted"], await sink.DeliverAsync(Given.Record(Given.Chat())));
    }

    [Fact]
    public async Task Log_records_that_are_not_taken_say_so_for_the_events_that_have_one()
    {
        await using var service = await FakeService.StartAsync();
        service.Answer = static post => new FakeAnswer(post.Target == "/v1/logs" ? 404 : 200, "{}");
        await using var sink = Given.Sink("otlp", service);

        var outcomes = await sink.DeliverAsync(
            Given.Record(Given.Chat()), Given.Record(Given.WithoutBodies()), Given.Record(Given.Chat()));

        Assert.Equal(["RefusedTogether logs: HTTP 404", "Accepted", "RefusedTogether logs: HTTP 404"], outcomes);
    }

    [Fact]
    public async Task A_request_of_some_length_is_compressed()
    {
        await using var service = await FakeService.StartAsync();
        await using var sink = Given.Sink("otlp", service);

        await sink.DeliverAsync([.. Given.Records(3)]);

        Assert.All(service.Received, static post => Assert.Equal("gzip", post.Headers["Content-Encoding"]));
        Assert.All(service.Received, static post => Assert.Equal(3, OtlpShapes.ItemsOf(post).Count()));
    }

    private static async Task<JsonElement> SpanOfAsync(ExchangeEvent exchange) => (await BothOfAsync(exchange)).Span;

    private static async Task<JsonObject> ContentOfAsync(ExchangeEvent exchange) =>
        OtlpShapes.AttributesOf((await BothOfAsync(exchange)).Record);

    private static async Task<(JsonElement Span, JsonElement Record)> BothOfAsync(ExchangeEvent exchange)
    {
        await using var service = await FakeService.StartAsync();
        await using var sink = Given.Sink("otlp", service);
        await sink.DeliverAsync(Given.Record(exchange));
        var items = service.Received.SelectMany(OtlpShapes.ItemsOf).ToList();
        return (items[0], items[^1]);
    }
}
