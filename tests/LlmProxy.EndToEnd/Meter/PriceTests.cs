using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Meter;

/// <summary>What nobody knows the price of is never said to be free; what no limit can be is never set.</summary>
public sealed class PriceTests(MeterRig rig) : IClassFixture<MeterRig>
{
    private const string Question = """{"model":"nobody-knows","messages":[{"role":"user","content":"Hello there"}]}""";

    [Fact]
    public async Task A_model_without_a_price_is_counted_and_has_no_cost()
    {
        var token = await rig.TokenAsync(new TokenLimits { MaxTokens = 100_000 });

        await rig.AskAsync(token, "/v1/chat/completions", Question, "x-simulator-usage: prompt=10,completion=5");

        var line = await rig.LineAsync(token);
        Assert.Equal(("reported", null), (line.Source, line.Cost));
        var row = await rig.RowAsync(token);
        Assert.Equal((1L, 15L), (Metered.Number(row, "unpriced_requests"), Metered.In(row).Total));
        Assert.Equal(15, (await rig.SpentAsync(token)).Tokens);
    }

    [Fact]
    public async Task An_answer_without_a_model_has_the_price_of_the_one_that_was_asked_for()
    {
        const string Json = """{"choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":100}}""";
        var token = await rig.TokenAsync();
        var route = rig.DoesAt("chat/completions", static async exchange =>
        {
            await exchange.ReadBodyAsync();
            await exchange.WriteAsync(
                $"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {Json.Length}\r\n\r\n{Json}");
        });

        await rig.AskAsync(
            token, "/raw" + route.Path, Question.Replace("nobody-knows", "gpt-4o", StringComparison.Ordinal));

        Assert.Equal("0.003500", (await rig.LineAsync(token)).Cost);
        Assert.Equal(0L, Metered.Number(await rig.RowAsync(token), "unpriced_requests"));
    }

    [Fact]
    public async Task A_cost_that_is_known_does_not_hide_one_that_is_not()
    {
        var token = await rig.TokenAsync();
        const string Usage = "x-simulator-usage: prompt=1000,completion=100";

        await rig.AskAsync(token, "/v1/chat/completions", Question, Usage);
        await rig.AskAsync(
            token, "/v1/chat/completions",
            Question.Replace("nobody-knows", "gpt-4o", StringComparison.Ordinal), Usage);

        await rig.LinesAsync(token, 2);
        var row = await rig.RowAsync(token);
        Assert.Equal((2L, 1L, "0.003500"), (
            Metered.Number(row, "requests"), Metered.Number(row, "unpriced_requests"),
            row.GetProperty("cost_usd").GetString()));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Under_a_limit_of_money_a_model_without_a_price_is_refused(bool isOfProject)
    {
        var token = await rig.TokenAsync(new TokenLimits { MaxCostUsd = isOfProject ? null : 100 });
        await rig.Management.LimitProjectAsync(
            token.ProjectId, new TokenLimits { MaxTokens = 100_000, MaxCostUsd = isOfProject ? 100 : null });

        var answer = await rig.AskAsync(token, "/v1/chat/completions", Question);

        Assert.Equal(403, answer.Status);
        Assert.Contains("price_unknown", answer.Body.Text, StringComparison.Ordinal);
        Assert.Equal((0, "0.000000"), await rig.SpentAsync(token));
    }

    [Theory]
    [InlineData("max_requests", "-1")]
    [InlineData("max_requests", "1.5")]
    [InlineData("max_requests", "9223372036854775808")]
    [InlineData("max_requests", "1000000000001")]
    [InlineData("max_requests", "\"10\"")]
    [InlineData("max_requests", "1e400")]
    [InlineData("requests_per_minute", "-1")]
    [InlineData("requests_per_minute", "1000000001")]
    [InlineData("max_concurrent", "1000001")]
    [InlineData("max_concurrent", "true")]
    [InlineData("max_tokens", "-5")]
    [InlineData("max_tokens", "1000000000001")]
    [InlineData("tokens_per_minute", "0.5")]
    [InlineData("tokens_per_minute", "[]")]
    [InlineData("max_cost_usd", "10.5")]
    [InlineData("max_cost_usd", "\"-1\"")]
    [InlineData("max_cost_usd", "\"1e3\"")]
    [InlineData("max_cost_usd", "\"0.0000001\"")]
    [InlineData("max_cost_usd", "\"1000000000.000001\"")]
    [InlineData("max_cost_usd", "\"NaN\"")]
    [InlineData("max_cost_usd", "\"99999999999999999999999999\"")]
    [InlineData("allowed_models", "[]")]
    [InlineData("allowed_models", "[\"a\",\"a\"]")]
    [InlineData("allowed_endpoints", "\"/v1/models\"")]
    [InlineData("allowed_origins", "[5]")]
    public async Task A_limit_that_cannot_be_meant_is_refused_by_its_name_and_changes_nothing(
        string member, string value)
    {
        var token = await rig.TokenAsync(new TokenLimits { MaxRequests = 7 });
        var change = $$"""{"{{member}}":{{value}}}""";
        var before = await rig.Management.SendAsync("GET", $"/manage/tokens/{token.Id}");

        ManagementAnswer[] answers =
        [
            await rig.Management.SendAsync("PATCH", $"/manage/tokens/{token.Id}", change),
            await rig.Management.SendAsync("PATCH", $"/manage/projects/{token.ProjectId}", change),
            await rig.Management.SendAsync(
                "POST", "/manage/tokens",
                $$"""{"project_id":"{{token.ProjectId}}","duration_minutes":5,"{{member}}":{{value}}}"""),
        ];

        Assert.All(answers, answer => Assert.Equal(
            (400, member), (answer.Status, answer.Json.GetProperty("field").GetString())));
        var after = await rig.Management.SendAsync("GET", $"/manage/tokens/{token.Id}");
        Assert.Equal(before.Text, after.Text);
    }
}
