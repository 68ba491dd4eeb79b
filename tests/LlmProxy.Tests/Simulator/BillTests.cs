using System.Text.Json;
using LlmProxy.Simulator.Wire;
using Xunit;

namespace LlmProxy.Tests.Simulator;

public sealed class BillTests : IAsyncLifetime
{
    private const string Chat = "/v1/chat/completions";
    private const string Numbers = "x-simulator-usage: prompt=100,completion=50,cached=30,reasoning=20";

    private const string NumbersLine =
        "\"requests\":1,\"prompt_tokens\":100,\"cached_tokens\":30,\"reasoning_tokens\":20,\"completion_tokens\":50}";

    private SimulatorClient _simulator = null!;

    public async ValueTask InitializeAsync() => _simulator = await SimulatorClient.StartAsync();

    public ValueTask DisposeAsync() => _simulator.DisposeAsync();

    [Fact]
    public async Task Sums_up_what_was_delivered_and_reported_by_model()
    {
        var reported = new List<JsonElement>();
        foreach (var model in (string[])["a", "a", "b"])
        {
            reported.Add(await _simulator.PostForJsonAsync(Chat, Ask(model)));
        }

        var output = reported.ConvertAll(static answer =>
            answer.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
        var (ofA, ofB) = (output[0] + output[1], output[2]);

        await AssertBillAsync(
            $$$"""
            "models":{"a":{"requests":2,"prompt_tokens":4,"cached_tokens":0,"reasoning_tokens":0,
            "completion_tokens":{{{ofA}}}},"b":{"requests":1,"prompt_tokens":2,"cached_tokens":0,
            "reasoning_tokens":0,"completion_tokens":{{{ofB}}}}},
            "unreported":{"requests":0,"prompt_tokens":0,"completion_tokens":0},
            """);
    }

    [Theory]
    [InlineData(Chat)]
    [InlineData(Chat, ",\"stream\":true,\"stream_options\":{\"include_usage\":true}")]
    [InlineData("/v1/completions")]
    [InlineData("/v1/completions", ",\"stream\":true,\"stream_options\":{\"include_usage\":true}")]
    [InlineData("/v1/responses")]
    [InlineData("/v1/responses", ",\"stream\":true")]
    [InlineData("/v1/messages")]
    [InlineData("/v1/messages", ",\"stream\":true")]
    [InlineData("/v1/embeddings")]
    public async Task Bills_and_reports_the_numbers_that_were_asked_for(string path, string more = "")
    {
        using var answer = await _simulator.PostAsync(path, Ask("a", more), Numbers, "anthropic-version: 1");

        Assert.Matches(
            "\"(prompt|input)_tokens\":(100|70).*\"(completion_tokens|output_tokens|total_tokens)\":(50|100)",
            (await SimulatorClient.TextOf(answer)).ReplaceLineEndings(" "));
        await AssertBillAsync("\"models\":{\"a\":{" + NumbersLine);
    }

    [Fact]
    public async Task Does_not_report_what_nobody_asked_for_and_bills_it_apart()
    {
        await _simulator.PostForEventsAsync(Chat, Ask("a", ",\"stream\":true"), "x-simulator-chunks: 5");

        await AssertBillAsync(
            "\"models\":{},\"unreported\":{\"requests\":1,\"prompt_tokens\":2,\"completion_tokens\":5},");
    }

    [Theory]
    [InlineData("negative", "\"prompt_tokens\":-3,\"completion_tokens\":-6")]
    [InlineData("huge", "\"prompt_tokens\":9000000000000000000,\"completion_tokens\":9000000000000000000")]
    [InlineData("fraction", "\"prompt_tokens\":2.5,\"completion_tokens\":5.5")]
    [InlineData("string", "\"prompt_tokens\":\"2\",\"completion_tokens\":\"5\"")]
    public async Task Tells_numbers_that_nobody_can_count_with_when_asked(string form, string told)
    {
        using var answer = await _simulator.PostAsync(
            Chat, Ask("a"), $"x-simulator-usage: {form}", "x-simulator-chunks: 5");

        Assert.Contains(told, await SimulatorClient.TextOf(answer), StringComparison.Ordinal);
        await AssertBillAsync(
            "\"models\":{},\"unreported\":{\"requests\":1,\"prompt_tokens\":2,\"completion_tokens\":5},");
    }

    [Theory]
    [InlineData(Chat)]
    [InlineData("/v1/completions")]
    [InlineData("/v1/responses")]
    [InlineData("/v1/messages")]
    [InlineData("/v1/embeddings")]
    public async Task Tells_no_usage_at_all_when_asked(string path)
    {
        using var whole = await _simulator.PostAsync(path, Ask("a"), "x-simulator-usage: none", "anthropic-version: 1");

        Assert.DoesNotContain("_tokens\":{", await SimulatorClient.TextOf(whole), StringComparison.Ordinal);
        Assert.DoesNotContain("\"usage\"", await SimulatorClient.TextOf(whole), StringComparison.Ordinal);
        await AssertBillAsync("\"models\":{},\"unreported\":{\"requests\":1,\"prompt_tokens\":2,");
    }

    [Fact]
    public async Task Tells_the_usage_twice_and_the_truth_the_second_time()
    {
        using var answer = await _simulator.PostAsync(
            Chat, Ask("a"), "x-simulator-usage: twice", "x-simulator-chunks: 5");

        var text = await SimulatorClient.TextOf(answer);
        Assert.Equal(3, text.Split("\"usage\":{").Length);
        Assert.Contains("\"prompt_tokens\":1,\"completion_tokens\":1,", text, StringComparison.Ordinal);
        Assert.Equal(5, (await SimulatorClient.JsonOf(answer)).GetProperty("usage").GetProperty("completion_tokens")
            .GetInt32());
        await AssertBillAsync("\"models\":{\"a\":{\"requests\":1,\"prompt_tokens\":2,");
    }

    [Theory]
    [InlineData(Chat)]
    [InlineData("/v1/completions")]
    public async Task Tells_the_usage_after_the_end_mark_when_asked(string path)
    {
        var events = await _simulator.PostForEventsAsync(
            path, Ask("a", ",\"stream\":true"), "x-simulator-usage: after-done", "x-simulator-chunks: 5");

        Assert.Equal("[DONE]", events[^2].Text);
        Assert.Equal(5, events[^1].Json.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
        Assert.DoesNotContain(events.SkipLast(2), static chunk => chunk.Text.Contains(
            "completion_tokens", StringComparison.Ordinal));
        await AssertBillAsync("\"models\":{\"a\":{\"requests\":1,\"prompt_tokens\":2,");
    }

    [Theory]
    [InlineData("/v1/responses", "response.completed")]
    [InlineData("/v1/messages", "message_stop")]
    public async Task Tells_the_usage_after_the_last_event_when_asked(string path, string last)
    {
        var events = await _simulator.PostForEventsAsync(
            path, Ask("a", ",\"stream\":true"), "x-simulator-usage: after-done", "x-simulator-chunks: 5",
            "anthropic-version: 1");

        Assert.Equal(last, events[^2].Name);
        Assert.DoesNotContain("\"output_tokens\":5", events[^2].Text, StringComparison.Ordinal);
        Assert.Contains("\"output_tokens\":5", events[^1].Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Chat, "completion_tokens")]
    [InlineData("/v1/completions", "completion_tokens")]
    [InlineData("/v1/responses", "output_tokens")]
    [InlineData("/v1/messages", "output_tokens")]
    public async Task Tells_the_usage_so_far_all_the_time_when_asked(string path, string member)
    {
        var events = await _simulator.PostForEventsAsync(
            path, Ask("a", ",\"stream\":true"), "x-simulator-usage: early", "x-simulator-chunks: 3",
            "anthropic-version: 1");

        Assert.All(Enumerable.Range(1, 3), words =>
            Assert.Contains(events, step => step.Text.Contains($"{member}\":{words}", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Bills_what_was_cut_off_apart_by_what_was_written()
    {
        using var answer = await _simulator.PostAsync(
            Chat, Ask("a", ",\"stream\":true"), "x-simulator-cut-after-events: 4", "x-simulator-chunks: 10");
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => SimulatorClient.TextOf(answer));

        await AssertBillAsync(
            "\"unreported\":{\"requests\":0,\"prompt_tokens\":0,\"completion_tokens\":0},"
            + "\"aborted\":{\"requests\":1,\"prompt_tokens\":2,\"completion_tokens\":3}}");
    }

    [Fact]
    public async Task Bills_nothing_for_what_was_refused_and_counts_no_look_at_the_bill()
    {
        using var refused = await _simulator.PostAsync(Chat, "{}");
        using var failed = await _simulator.PostAsync(Chat, Ask("a"), "x-simulator-status: 500");
        var bill = await SimulatorClient.JsonOf(await _simulator.GetAsync("/v1/simulator/bill"));

        Assert.Equal(2, _simulator.Traffic.Received);
        Assert.Equal(_simulator.Bill(), bill.GetRawText());
        Assert.Equal(0, bill.GetProperty("unreported").GetProperty("requests").GetInt32());
        Assert.Empty(bill.GetProperty("models").EnumerateObject());
    }

    [Fact]
    public async Task Begins_anew_when_it_is_deleted()
    {
        await _simulator.PostForJsonAsync(Chat, Ask("a"));
        await AssertBillAsync("\"models\":{\"a\":{\"requests\":1,");

        using var deleted = await _simulator.SendAsync(
            _simulator.Request(HttpMethod.Delete, "/v1/simulator/bill", null), TestContext.Current.CancellationToken);

        Assert.Equal(204, (int)deleted.StatusCode);
        await AssertBillAsync("\"models\":{},");
    }

    [Fact]
    public async Task Adds_up_what_many_requests_at_once_cost()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(
            i => _simulator.PostForJsonAsync(Chat, Ask($"m{i % 3}"), Numbers)));

        Assert.Equal(200, answers.Length);
        await AssertBillAsync("\"m0\":{\"requests\":67,\"prompt_tokens\":6700,");
        await AssertBillAsync("\"m2\":{\"requests\":66,\"prompt_tokens\":6600,\"cached_tokens\":1980,");
    }

    [Fact]
    public void Knows_so_many_models_and_no_more()
    {
        var bill = new Bill();
        for (var i = 0; i < 1_010; i++)
        {
            bill.Add(new Charge($"model-{i}", new WordUsage(1, 1), IsTold: true));
        }

        bill.Add(new Charge(new string('x', 10_000), new WordUsage(1, 1), IsTold: true));

        using var bytes = new MemoryStream();
        using var json = new Utf8JsonWriter(bytes);
        bill.Write(json);
        json.Flush();
        using var read = JsonDocument.Parse(bytes.ToArray());
        var models = read.RootElement.GetProperty("models");
        Assert.Equal(1_001, models.EnumerateObject().Count());
        Assert.Equal(11, models.GetProperty("(others)").GetProperty("requests").GetInt32());
    }

    private static string Ask(string model, string more = "") =>
        $$"""
        {"model":"{{model}}","prompt":"Hello there","input":"Hello there","max_tokens":99,
        "messages":[{"role":"user","content":"Hello there"}]{{more}}}
        """;

    // The answer arrives a moment before it is on the bill.
    private Task AssertBillAsync(string part)
    {
        var expected = part.ReplaceLineEndings("");
        return Condition.HoldsAsync(() => _simulator.Bill().Contains(expected, StringComparison.Ordinal));
    }
}
