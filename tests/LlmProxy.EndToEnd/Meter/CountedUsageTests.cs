using System.Globalization;
using System.Text.Json;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Meter;

/// <summary>
/// Where a provider does not say what was used, it is counted: the prompt as it was sent, and the answer as far as it
/// was delivered. Another tokenizer comes to the same numbers.
/// </summary>
public sealed class CountedUsageTests(MeterRig rig) : IClassFixture<MeterRig>
{
    private const string Instructions = "You translate; be terse. Übersetze: 日本語 и русский 😀";
    private const string User = "Wie spät ist es? What's the time, 東京 🕰️ don't know";

    // OpenAI's cookbook, "How to count tokens with tiktoken", chapter 7, with the count that it publishes.
    private const string CookbookCall =
        """
        {"model":"gpt-4o","stream":true,"messages":[
         {"role":"system","content":"You are a helpful assistant that can answer to questions about the weather."},
         {"role":"user","content":"What's the weather like in San Francisco?"}],
         "tools":[{"type":"function","function":{"name":"get_current_weather",
          "description":"Get the current weather in a given location",
          "parameters":{"type":"object","properties":{
            "location":{"type":"string","description":"The city and state, e.g. San Francisco, CA"},
            "unit":{"type":"string","description":"The unit of temperature to return",
              "enum":["celsius","fahrenheit"]}},
          "required":["location"]}}}]}
        """;

    private const int CookbookCount = 101;

    [Theory]
    [InlineData("gpt-4o", 1)]
    [InlineData("gpt-4o", 3)]
    [InlineData("gpt-4", 1)]
    public async Task A_stream_that_reports_nothing_is_counted_as_another_tokenizer_does(string model, int choices)
    {
        var token = await rig.TokenAsync();
        var body = JsonSerializer.Serialize(new
        {
            model,
            stream = true,
            n = choices,
            messages = new[] { new { role = "system", content = Instructions }, new { role = "user", content = User } },
        });

        var answer = await rig.AskAsync(token, "/v1/chat/completions", body);

        Assert.DoesNotContain("prompt_tokens", answer.Body.Text, StringComparison.Ordinal);
        var texts = Enumerable.Range(0, choices).Select(i => TokenOracle.ChatText(answer.Body.Content, i));
        await AssertCountedAsync(token, new Metered(
            TokenOracle.Chat(model, ("system", Instructions), ("user", User)),
            texts.Sum(text => TokenOracle.Count(model, text))));
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("br")]
    public async Task A_compressed_stream_is_counted_too(string encoding)
    {
        var token = await rig.TokenAsync();
        var body = JsonSerializer.Serialize(
            new { model = "gpt-4o", stream = true, messages = new[] { new { role = "user", content = User } } });
        var plain = await rig.AskSimulatorAsync("/v1/chat/completions", body);

        await rig.AskAsync(token, "/v1/chat/completions", body, $"x-simulator-encoding: {encoding}");

        await AssertCountedAsync(token, new Metered(
            TokenOracle.Chat("gpt-4o", ("user", User)), TokenOracle.Count("gpt-4o", plain.TextOf())));
    }

    [Fact]
    public async Task Tools_are_counted_as_the_cookbook_publishes_it()
    {
        var token = await rig.TokenAsync();

        var answer = await rig.AskAsync(token, "/v1/chat/completions", CookbookCall);

        await AssertCountedAsync(
            token, new Metered(CookbookCount, TokenOracle.Count("gpt-4o", answer.TextOf())));
    }

    [Fact]
    public async Task A_stream_of_plain_completions_is_counted()
    {
        var token = await rig.TokenAsync();
        var body = JsonSerializer.Serialize(
            new { model = "gpt-4o", stream = true, prompt = User, max_tokens = 40 });

        var answer = await rig.AskAsync(token, "/v1/completions", body);

        var text = string.Concat(TokenOracle.EventsIn(answer.Body.Content).SelectMany(
            static chunk => chunk.GetProperty("choices").EnumerateArray()
                .Select(static choice => choice.GetProperty("text").GetString())));
        await AssertCountedAsync(
            token, new Metered(TokenOracle.Count("gpt-4o", User), TokenOracle.Count("gpt-4o", text)));
    }

    [Fact]
    public async Task A_chat_that_breaks_off_is_counted_as_far_as_it_came()
    {
        var token = await rig.TokenAsync();
        var body = JsonSerializer.Serialize(
            new { model = "gpt-4o", stream = true, messages = new[] { new { role = "user", content = User } } });

        var answer = await rig.AskAsync(
            token, "/v1/chat/completions", body, "x-simulator-chunks: 60", "x-simulator-cut-after-events: 30");

        Assert.False(answer.Body.IsComplete);
        var text = answer.TextOf();
        Assert.True(text.Length > 50);
        await AssertCountedAsync(
            token, new Metered(TokenOracle.Chat("gpt-4o", ("user", User)), TokenOracle.Count("gpt-4o", text)),
            "truncated", "truncated");
    }

    [Fact]
    public async Task A_document_that_breaks_off_is_counted_as_far_as_it_came()
    {
        var token = await rig.TokenAsync();
        const string Body = """{"model":"gpt-4o","messages":[{"role":"user","content":"Hello there"}]}""";
        const string Before = "\"content\":\"";

        var answer = await rig.AskAsync(
            token, "/v1/chat/completions", Body, "x-simulator-chunks: 90", "x-simulator-cut-after-bytes: 500");

        Assert.False(answer.Body.IsComplete);
        var cut = answer.Body.Text;
        var text = cut[(cut.IndexOf(Before, StringComparison.Ordinal) + Before.Length)..];
        text = JsonSerializer.Deserialize<string>($"\"{text}\"")!;
        await AssertCountedAsync(
            token, new Metered(TokenOracle.Chat("gpt-4o", ("user", "Hello there")), TokenOracle.Count("gpt-4o", text)),
            "truncated", "truncated");
    }

    [Fact]
    public async Task A_response_that_breaks_off_before_it_is_completed_is_counted_as_far_as_it_came()
    {
        var token = await rig.TokenAsync();
        var body = JsonSerializer.Serialize(new { model = "gpt-4o", stream = true, input = User });

        var answer = await rig.AskAsync(
            token, "/v1/responses", body, "x-simulator-chunks: 60", "x-simulator-cut-after-events: 40");

        var text = TokenOracle.DeltaText(
            answer.Body.Content, "response.output_text.delta", static one => one.GetProperty("delta"));
        Assert.True(text.Length > 50);
        Assert.DoesNotContain("response.completed", answer.Body.Text, StringComparison.Ordinal);
        await AssertCountedAsync(
            token, new Metered(TokenOracle.Chat("gpt-4o", ("user", User)), TokenOracle.Count("gpt-4o", text)),
            "truncated", "truncated");
    }

    /// <summary>Its first event tells the prompt and says 1 for the answer, which is only its beginning.</summary>
    [Fact]
    public async Task A_message_of_Anthropic_that_breaks_off_is_what_was_told_of_the_prompt_and_what_was_delivered()
    {
        var token = await rig.TokenAsync();
        const string Body =
            """
            {"model":"claude-opus-4-5","max_tokens":900,"stream":true,"messages":[{"role":"user","content":"Hello"}]}
            """;

        var answer = await rig.AskAsync(
            token, "/v1/messages", Body, "anthropic-version: 2023-06-01", "x-simulator-chunks: 60",
            "x-simulator-usage: prompt=700,completion=60,cached=200", "x-simulator-cut-after-events: 40");

        var text = TokenOracle.DeltaText(
            answer.Body.Content, "content_block_delta", static one => one.GetProperty("delta").GetProperty("text"));
        var line = await rig.LineAsync(token);
        var delivered = TokenOracle.Count("gpt-4o", text);
        Assert.True(delivered > 0);
        Assert.Equal(("truncated", "counted", 700, "truncated"),
            (line.Outcome, line.Source, line.Prompt, line.Faults));
        Assert.InRange(line.Completion, delivered, (delivered * 3 / 2) + 1);
        Assert.Equal(200, Metered.In(await rig.RowAsync(token)).Cached);
        Assert.Equal(700 + line.Completion, (await rig.SpentAsync(token)).Tokens);
    }

    [Fact]
    public async Task A_client_that_leaves_pays_for_what_was_delivered()
    {
        var token = await rig.TokenAsync(new TokenLimits { MaxTokens = 100_000 });
        const string Event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Three words each. \"}}]}\n\n";
        var route = rig.DoesAt("chat/completions", static async exchange =>
        {
            await exchange.ReadBodyAsync();
            await exchange.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + Event + Event);
            await exchange.WaitUntilGoneAsync();
        });
        var body = JsonSerializer.Serialize(
            new { model = "gpt-4o", stream = true, messages = new[] { new { role = "user", content = "Hello" } } });

        await using (var client = await RawClient.ConnectAsync(rig.Proxy.Address))
        {
            var length = string.Create(CultureInfo.InvariantCulture, $"Content-Length: {body.Length}");
            await client.SendAsync(rig.Proxy.Head("POST", "/raw" + route.Path, token.Secret, length) + body);
            var (head, _) = await client.ReadHeadAsync();
            Assert.NotNull(head);
            await client.ReadAtLeastAsync(2 * Event.Length);
            client.Reset();
        }

        await route.Request.Gone;
        await AssertCountedAsync(
            token,
            new Metered(
                TokenOracle.Chat("gpt-4o", ("user", "Hello")),
                TokenOracle.Count("gpt-4o", "Three words each. Three words each. ")),
            "client_gone");
    }

    [Fact]
    public async Task A_client_that_leaves_before_the_answer_pays_for_the_prompt_that_the_provider_has()
    {
        var token = await rig.TokenAsync(new TokenLimits { MaxTokens = 100_000 });
        var arrived = new TaskCompletionSource();
        var route = rig.DoesAt("chat/completions", async exchange =>
        {
            await exchange.ReadBodyAsync();
            arrived.SetResult();
            await exchange.WaitUntilGoneAsync();
        });
        var body = JsonSerializer.Serialize(
            new { model = "gpt-4o", max_tokens = 10, messages = new[] { new { role = "user", content = "Hello" } } });

        await using (var client = await RawClient.ConnectAsync(rig.Proxy.Address))
        {
            var length = string.Create(CultureInfo.InvariantCulture, $"Content-Length: {body.Length}");
            await client.SendAsync(rig.Proxy.Head("POST", "/raw" + route.Path, token.Secret, length) + body);
            await arrived.Task.WaitAsync(Eventually.Patience, TestContext.Current.CancellationToken);
            client.Reset();
        }

        await route.Request.Gone;
        await AssertCountedAsync(token, new Metered(TokenOracle.Chat("gpt-4o", ("user", "Hello")), 0), "client_gone");
    }

    private async Task AssertCountedAsync(
        IssuedToken token, Metered used, string outcome = "served", string faults = "")
    {
        var cost = ListedPrices.CostOf(used);
        var line = await rig.LineAsync(token);
        Assert.Equal((outcome, "counted", used.Prompt, used.Completion, cost, faults),
            (line.Outcome, line.Source, line.Prompt, line.Completion, line.Cost, line.Faults));
        var row = await rig.RowAsync(token);
        Assert.Equal((used, cost, 1L),
            (Metered.In(row), row.GetProperty("cost_usd").GetString(), Metered.Number(row, "counted_requests")));
        Assert.Equal((used.Total, cost), await rig.SpentAsync(token));
    }
}
