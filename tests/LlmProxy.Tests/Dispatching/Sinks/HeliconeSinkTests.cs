using System.Text.Json;
using LlmProxy.Dispatching;
using LlmProxy.Dispatching.Sinks;
using LlmProxy.Events;
using Xunit;

namespace LlmProxy.Tests.Dispatching.Sinks;

public sealed class HeliconeSinkTests
{
    [Theory]
    [InlineData("chat")]
    [InlineData("anthropic")]
    [InlineData("responses")]
    [InlineData("refused")]
    [InlineData("failed")]
    [InlineData("stream")]
    [InlineData("none")]
    public async Task Every_kind_of_exchange_has_the_form_that_helicone_documents(string kind)
    {
        await using var service = await StartAsync();
        await using var sink = Given.Sink("helicone", service);

        var outcomes = await sink.DeliverAsync(Given.Record(Given.Kind(kind)));

        Assert.Equal(["Accepted"], outcomes);
        Assert.Empty(HeliconeShapes.FaultsOf(Assert.Single(service.Received)));
    }

    [Theory]
    [InlineData("openai", "/oai/v1/log")]
    [InlineData("anthropic", "/anthropic/v1/log")]
    [InlineData("mistral", "/custom/v1/log")]
    [InlineData(null, "/custom/v1/log")]
    public async Task Each_provider_has_its_route(string? provider, string target)
    {
        await using var service = await StartAsync();
        await using var sink = Given.Sink("helicone", service);

        await sink.DeliverAsync(Given.Record(Given.Chat() with { Provider = provider }));

        Assert.Equal(target, Assert.Single(service.Received).Target);
    }

    [Fact]
    public async Task The_times_are_those_of_the_exchange()
    {
        var timing = (await SendAsync(Given.Streamed())).GetProperty("timing");

        Assert.Equal(
            Given.Start.ToUnixTimeSeconds(), timing.GetProperty("startTime").GetProperty("seconds").GetInt64());
        Assert.Equal(535, timing.GetProperty("startTime").GetProperty("milliseconds").GetInt32());
        Assert.Equal(
            Given.Start.ToUnixTimeSeconds() + 2, timing.GetProperty("endTime").GetProperty("seconds").GetInt64());
        Assert.Equal(35, timing.GetProperty("endTime").GetProperty("milliseconds").GetInt32());
        Assert.Equal(252, timing.GetProperty("timeToFirstToken").GetInt32());
    }

    [Fact]
    public async Task Both_bodies_are_there_and_the_answer_says_what_was_used()
    {
        var log = await SendAsync(Given.Chat());

        var request = log.GetProperty("providerRequest").GetProperty("json");
        var response = log.GetProperty("providerResponse").GetProperty("json");
        Assert.Equal(4, request.GetProperty("messages").GetArrayLength());
        Assert.Equal(2, response.GetProperty("choices").GetArrayLength());
        Assert.Equal(82, response.GetProperty("usage").GetProperty("prompt_tokens").GetInt32());
        Assert.Equal(17, response.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
    }

    [Fact]
    public async Task A_usage_that_the_answer_has_is_left_as_it_is()
    {
        var log = await SendAsync(Given.Anthropic());

        var usage = log.GetProperty("providerResponse").GetProperty("json").GetProperty("usage");
        Assert.Equal("""{"input_tokens":10,"output_tokens":5}""", usage.GetRawText());
    }

    [Fact]
    public async Task The_usage_has_the_form_of_the_providers_own_answers()
    {
        var log = await SendAsync(Given.Chat(null, null) with { Provider = "anthropic" });

        var usage = log.GetProperty("providerResponse").GetProperty("json").GetProperty("usage");
        Assert.Equal(18, usage.GetProperty("input_tokens").GetInt32());
        Assert.Equal(64, usage.GetProperty("cache_read_input_tokens").GetInt32());
        Assert.Equal(17, usage.GetProperty("output_tokens").GetInt32());
    }

    [Fact]
    public async Task Without_bodies_model_and_usage_are_still_there()
    {
        var log = await SendAsync(Given.WithoutBodies());

        Assert.Equal(
            """{"model":"gpt-4o"}""", log.GetProperty("providerRequest").GetProperty("json").GetRawText());
        Assert.Equal(
            "gpt-4o-2024-08-06",
            log.GetProperty("providerResponse").GetProperty("json").GetProperty("model").GetString());
        Assert.True(log.GetProperty("providerResponse").GetProperty("json").TryGetProperty("usage", out _));
    }

    [Theory]
    [InlineData("Helicone-User-Id", "someone@example.org")]
    [InlineData("Helicone-Session-Id", "session-1")]
    [InlineData("Helicone-Session-Path", "/weather")]
    [InlineData("Helicone-Property-team", "blue")]
    [InlineData("Helicone-Property-Project-Id", "0195a1b2-0000-7000-8000-000000000001")]
    [InlineData("Helicone-Property-Token-Id", "0195a1b2-0000-7000-8000-000000000002")]
    [InlineData("Helicone-Property-Provider", "openai")]
    [InlineData("Helicone-Property-Cache", "miss")]
    public async Task Users_sessions_and_properties_are_handed_on(string name, string value)
    {
        var meta = (await SendAsync(Given.Chat())).GetProperty("providerRequest").GetProperty("meta");

        Assert.Equal(value, meta.GetProperty(name).GetString());
    }

    [Fact]
    public async Task No_property_of_a_clients_passes_for_ours()
    {
        var exchange = Given.Chat();
        var request = exchange.Request with
        {
            Headers = Given.Headers(("helicone-property-project-id", "another"), ("helicone-property-refusal", "none")),
        };

        var log = await SendAsync(exchange with { Request = request });

        var meta = log.GetProperty("providerRequest").GetProperty("meta");
        Assert.Equal(exchange.ProjectId, meta.GetProperty("Helicone-Property-Project-Id").GetString());
        Assert.DoesNotContain("another", meta.GetRawText(), StringComparison.Ordinal);
        Assert.DoesNotContain("refusal", meta.GetRawText(), StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("Zoë", "Zoë")]
    [InlineData("Łukasz", "%C5%81ukasz")]
    [InlineData("a\nb", "a%0Ab")]
    public async Task A_value_that_no_header_can_have_is_escaped(string value, string sent)
    {
        var exchange = Given.Chat();

        var log = await SendAsync(
            exchange with { Request = exchange.Request with { Headers = Given.Headers(("helicone-user-id", value)) } });

        var meta = log.GetProperty("providerRequest").GetProperty("meta");
        Assert.Equal(sent, meta.GetProperty("Helicone-User-Id").GetString());
    }

    [Fact]
    public async Task An_assembled_stream_is_not_announced_as_the_text_of_one()
    {
        var exchange = Given.Streamed();
        var body = Given.Body("""{"model":"gpt-4o","stream":true,"stream_options":{"a":1},"messages":[]}""");

        var log = await SendAsync(exchange with { Request = exchange.Request with { Body = body } });

        Assert.Equal(
            """{"model":"gpt-4o","messages":[]}""",
            log.GetProperty("providerRequest").GetProperty("json").GetRawText());
    }

    [Fact]
    public async Task The_text_of_a_stream_that_is_there_whole_goes_as_it_is()
    {
        const string Raw = "data: {\"choices\":[]}\n\ndata: [DONE]\n\n";
        var exchange = Given.Streamed();
        var request = exchange.Request with { Body = Given.Body("""{"stream":true}""") };

        var log = await SendAsync(exchange with
        {
            Request = request,
            Response = exchange.Response with { Body = new EventBody { Text = Raw } },
        });

        Assert.Equal(Raw, log.GetProperty("providerResponse").GetProperty("textBody").GetString());
        Assert.True(log.GetProperty("providerRequest").GetProperty("json").GetProperty("stream").GetBoolean());
    }

    [Fact]
    public async Task An_event_that_is_delivered_twice_has_the_same_id_at_helicone()
    {
        await using var service = await StartAsync();
        await using var sink = Given.Sink("helicone", service);
        var record = Given.Record(Given.Chat());

        await sink.DeliverAsync(record);
        await sink.DeliverAsync(record);

        Assert.Equal(IdOf(service.Received[0]), IdOf(service.Received[1]));
        Assert.NotEqual(
            IdOf(service.Received[0]), HeliconeMeta.RequestIdOf(Given.Chat().EventId), StringComparer.Ordinal);
    }

    [Fact]
    public async Task Eight_go_at_once_and_each_has_its_own_outcome()
    {
        var batch = Given.Records(40);
        var refused = HeliconeMeta.RequestIdOf(batch[3].Id);
        var failing = HeliconeMeta.RequestIdOf(batch[5].Id);
        var unlogged = HeliconeMeta.RequestIdOf(batch[7].Id);
        var eight = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var begun = 0;
        await using var service = await FakeService.StartAsync();
        service.Answer = post =>
        {
            if (Interlocked.Increment(ref begun) == 8)
            {
                eight.SetResult();
            }

            var answer = IdOf(post) switch
            {
                var id when id == refused => new FakeAnswer(400, "bad"),
                var id when id == failing => new FakeAnswer(500, "bad"),
                var id when id == unlogged => new FakeAnswer(200, """{"error":"no such table"}"""),
                _ => new FakeAnswer(200, "ok"),
            };
            return answer with { Wait = eight.Task };
        };
        await using var sink = Given.Sink("helicone", service);

        var outcomes = await sink.DeliverAsync([.. batch]);

        Assert.Equal("Refused HTTP 400", outcomes[3]);
        Assert.Equal("TryLater HTTP 500", outcomes[5]);
        Assert.Equal("Refused Helicone did not take it", outcomes[7]);
        Assert.Equal(37, outcomes.Count(static outcome => outcome == "Accepted"));
        Assert.Equal(8, service.AtOnce);
        Assert.Equal(40, service.Received.Count);
    }

    [Fact]
    public async Task When_it_has_enough_the_rest_of_the_batch_is_not_tried()
    {
        await using var service = await FakeService.StartAsync();
        service.Answer = static _ => new FakeAnswer(429) { Headers = [("Retry-After", "7")] };
        await using var sink = Given.Sink("helicone", service);

        var outcomes = await sink.DeliverAsync(Given.Records(200), TestContext.Current.CancellationToken);

        Assert.All(outcomes, static outcome => Assert.Equal(
            DeliveryOutcome.TryLater("HTTP 429", TimeSpan.FromSeconds(7)), outcome));
        Assert.InRange(service.Received.Count, 1, 16);
    }

    private static string IdOf(ReceivedPost post) =>
        post.Json.GetProperty("providerRequest").GetProperty("meta").GetProperty("Helicone-Request-Id").GetString()!;

    private static async Task<JsonElement> SendAsync(ExchangeEvent exchange)
    {
        await using var service = await StartAsync();
        await using var sink = Given.Sink("helicone", service);
        await sink.DeliverAsync(Given.Record(exchange));
        return Assert.Single(service.Received).Json;
    }

    private static async Task<FakeService> StartAsync()
    {
        var service = await FakeService.StartAsync();
        service.Answer = static _ => new FakeAnswer(200, "ok");
        return service;
    }
}
