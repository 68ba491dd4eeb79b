using System.Text.Json;
using LlmProxy.Events;
using Xunit;

namespace LlmProxy.Tests.Dispatching.Sinks;

public sealed class LunarySinkTests
{
    public static TheoryData<string> Kinds => ["chat", "anthropic", "responses", "refused", "failed", "stream", "none"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Every_kind_of_exchange_has_the_form_that_lunary_documents(string kind)
    {
        await using var service = await StartAsync();
        await using var sink = Given.Sink("lunary", service);

        var outcomes = await sink.DeliverAsync(Given.Record(Given.Kind(kind)));

        Assert.Equal(["Accepted"], outcomes);
        Assert.Empty(LunaryShapes.FaultsOf(Assert.Single(service.Received)));
    }

    [Fact]
    public async Task An_exchange_is_a_start_and_an_end_of_the_same_run_at_their_real_times()
    {
        var exchange = Given.Chat();

        var events = await SendAsync(exchange);

        Assert.Equal("start, end", Texts(events, "event"));
        Assert.All(events, sent => Assert.Equal(exchange.EventId, sent.GetProperty("runId").GetString()));
        Assert.Equal("2026-03-14T15:09:26.535Z", events[0].GetProperty("timestamp").GetString());
        Assert.Equal("2026-03-14T15:09:28.035Z", events[1].GetProperty("timestamp").GetString());
    }

    [Fact]
    public async Task The_model_the_user_and_what_was_asked_for_are_told()
    {
        var start = (await SendAsync(Given.Chat()))[0];

        Assert.Equal("gpt-4o", start.GetProperty("name").GetString());
        Assert.Equal("user-1", start.GetProperty("userId").GetString());
        Assert.Equal(
            """{"temperature":0.5,"stop":["END"],"seed":7,"max_tokens":100,"n":2}""",
            start.GetProperty("params").GetRawText());
        Assert.Equal("""["openai","chat"]""", start.GetProperty("tags").GetRawText());
    }

    [Theory]
    [InlineData("project_id", "0195a1b2-0000-7000-8000-000000000001")]
    [InlineData("token_id", "0195a1b2-0000-7000-8000-000000000002")]
    [InlineData("request_id", "request-1")]
    [InlineData("path", "/v1/chat/completions")]
    [InlineData("status", "200")]
    [InlineData("cost_usd", "0.000123")]
    [InlineData("usage_source", "counted")]
    [InlineData("duration_ms", "1500")]
    public async Task What_has_no_place_of_its_own_is_in_the_metadata(string name, string value)
    {
        var start = (await SendAsync(Given.Chat()))[0];

        Assert.Equal(value, start.GetProperty("metadata").GetProperty(name).ToString());
    }

    [Fact]
    public async Task Nothing_in_a_clients_metadata_passes_for_ours()
    {
        var exchange = Given.Chat(
            """{"metadata":{"project_id":"a","projectId":"b","Token-Id":"c","own":"d","deep":{"e":1}}}""");

        var metadata = (await SendAsync(exchange))[0].GetProperty("metadata");

        Assert.Equal(exchange.ProjectId, metadata.GetProperty("project_id").GetString());
        Assert.Equal("d", metadata.GetProperty("own").GetString());
        Assert.DoesNotContain(
            metadata.EnumerateObject(), static member => member.Name is "projectId" or "Token-Id" or "deep");
    }

    [Fact]
    public async Task The_usage_is_that_of_the_event_even_when_the_body_lacks_it()
    {
        var end = (await SendAsync(Given.Chat()))[1];

        Assert.Equal(
            """{"completion":17,"prompt":82,"promptCached":64}""", end.GetProperty("tokensUsage").GetRawText());
    }

    [Fact]
    public async Task All_choices_are_there()
    {
        var end = (await SendAsync(Given.Chat()))[1];

        var output = end.GetProperty("output");
        Assert.Equal("It rains.", output[0].GetProperty("content").GetString());
        Assert.Equal("call_2", output[1].GetProperty("tool_calls")[0].GetProperty("id").GetString());
    }

    [Fact]
    public async Task Anthropics_messages_become_chat_messages()
    {
        var events = await SendAsync(Given.Anthropic());

        var input = events[0].GetProperty("input").EnumerateArray().ToList();
        Assert.Equal("system, user, assistant, tool, user", Texts(input, "role"));
        Assert.Equal(
            """{"name":"get_weather","arguments":"{\"city\":\"Paris\"}"}""",
            input[2].GetProperty("tool_calls")[0].GetProperty("function").GetRawText());
        Assert.Equal("rainy\n\n14 degrees", input[3].GetProperty("content").GetString());
        Assert.Equal("toolu_1", input[3].GetProperty("tool_call_id").GetString());
        var call = events[1].GetProperty("output").GetProperty("tool_calls")[0];
        Assert.Equal("toolu_2", call.GetProperty("id").GetString());
    }

    [Fact]
    public async Task The_items_of_the_responses_api_become_chat_messages()
    {
        var events = await SendAsync(Given.Responses());

        var input = events[0].GetProperty("input").EnumerateArray().ToList();
        Assert.Equal("system, user, assistant, tool", Texts(input, "role"));
        Assert.Equal("""{"sky":"grey"}""", input[3].GetProperty("content").GetString());
        Assert.Equal("assistant", events[1].GetProperty("output").GetProperty("role").GetString());
    }

    [Fact]
    public async Task A_body_that_nobody_understands_is_the_input_as_it_was()
    {
        var events = await SendAsync(Given.Chat("""{"voice":"alloy"}""", """{"ok":true}"""));

        Assert.Equal("""{"voice":"alloy"}""", events[0].GetProperty("input").GetRawText());
        Assert.Equal("""{"ok":true}""", events[1].GetProperty("output").GetRawText());
    }

    [Fact]
    public async Task A_refusal_is_an_error_with_its_code()
    {
        var events = await SendAsync(Given.Refused());

        Assert.Equal("error", events[1].GetProperty("event").GetString());
        Assert.Equal("429 rate_limit_exceeded", events[1].GetProperty("error").GetProperty("message").GetString());
    }

    [Fact]
    public async Task An_error_of_the_provider_is_an_error_with_its_words()
    {
        var events = await SendAsync(Given.Failed());

        Assert.Equal("500 The server had an error.", events[1].GetProperty("error").GetProperty("message").GetString());
    }

    [Fact]
    public async Task What_was_answered_before_the_client_left_is_an_end_with_what_was_used()
    {
        var events = await SendAsync(Given.Streamed() with { Outcome = "client_gone", Aborted = true });

        Assert.Equal("end", events[1].GetProperty("event").GetString());
        Assert.Equal(17, events[1].GetProperty("tokensUsage").GetProperty("completion").GetInt32());
        Assert.Equal("client_gone", events[0].GetProperty("metadata").GetProperty("outcome").GetString());
    }

    [Fact]
    public async Task Only_the_exchange_whose_event_failed_is_refused()
    {
        var batch = Given.Records(3);
        await using var service = await StartAsync(sent =>
            IsOf(sent, batch[1]) && sent.GetProperty("event").GetString() == "end" ? "invalid input" : null);
        await using var sink = Given.Sink("lunary", service);

        var outcomes = await sink.DeliverAsync([.. batch]);

        Assert.Equal(["Accepted", "Refused Lunary did not take it", "Accepted"], outcomes);
    }

    [Fact]
    public async Task A_run_that_lunary_has_already_is_accepted()
    {
        await using var service = await StartAsync(static sent =>
            sent.GetProperty("event").GetString() == "start"
                ? "Run with this ID already exists in the database."
                : null);
        await using var sink = Given.Sink("lunary", service);

        var outcomes = await sink.DeliverAsync(Given.Record(Given.Chat()));

        Assert.Equal(["Accepted"], outcomes);
    }

    [Theory]
    [InlineData("<html>Welcome!</html>", "TryLater not Lunary's answer")]
    [InlineData("", "TryLater not Lunary's answer")]
    [InlineData("""{"message":"ok"}""", "TryLater not Lunary's answer")]
    [InlineData("""{"results":[]}""", "TryLater not in Lunary's answer")]
    [InlineData("""{"results":[7,null,{"id":3,"success":"yes"}]}""", "TryLater not in Lunary's answer")]
    public async Task A_success_that_is_not_lunarys_is_not_believed(string answer, string outcome)
    {
        await using var service = await FakeService.StartAsync();
        service.Answer = _ => new FakeAnswer(200, answer);
        await using var sink = Given.Sink("lunary", service);

        Assert.Equal([outcome], await sink.DeliverAsync(Given.Record(Given.Chat())));
    }

    [Fact]
    public async Task A_big_batch_goes_in_several_requests_whose_answers_can_be_read()
    {
        await using var service = await StartAsync();
        await using var sink = Given.Sink("lunary", service);

        var outcomes = await sink.DeliverAsync([.. Given.Records(450)]);

        Assert.Equal(450, outcomes.Count(static outcome => outcome == "Accepted"));
        Assert.Equal(3, service.Received.Count);
    }

    [Fact]
    public async Task Of_an_answer_that_is_too_long_the_beginning_counts()
    {
        var words = new string('x', 500);
        await using var service = await StartAsync(_ => words);
        await using var sink = Given.Sink("lunary", service);

        var outcomes = await sink.DeliverAsync([.. Given.Records(200)]);

        Assert.InRange(outcomes.Count(static outcome => outcome == "Refused Lunary did not take it"), 50, 150);
        Assert.Equal(
            200,
            outcomes.Count(static outcome =>
                outcome is "Refused Lunary did not take it" or "TryLater not in Lunary's answer"));
    }

    [Fact]
    public async Task An_event_that_cannot_be_read_does_not_hold_up_the_others()
    {
        await using var service = await StartAsync();
        await using var sink = Given.Sink("lunary", service);

        var outcomes = await sink.DeliverAsync(
            Given.Record(Given.Chat()), Given.Unreadable(), Given.Record(Given.Chat()));

        Assert.Equal(["Accepted", "Refused unreadable event", "Accepted"], outcomes);
    }

    private static async Task<IReadOnlyList<JsonElement>> SendAsync(ExchangeEvent exchange)
    {
        await using var service = await StartAsync();
        await using var sink = Given.Sink("lunary", service);
        await sink.DeliverAsync(Given.Record(exchange));
        return [.. Assert.Single(service.Received).Json.GetProperty("events").EnumerateArray()];
    }

    private static async Task<FakeService> StartAsync(Func<JsonElement, string?>? errorOf = null)
    {
        var service = await FakeService.StartAsync();
        service.Answer = post => LunaryShapes.Answer(post, errorOf);
        return service;
    }

    private static string Texts(IEnumerable<JsonElement> objects, string member) =>
        string.Join(", ", objects.Select(one => one.GetProperty(member).GetString()));

    private static bool IsOf(JsonElement sent, EventRecord record) =>
        sent.GetProperty("runId").GetString() == record.Id;
}
