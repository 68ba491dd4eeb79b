using System.Text.Json;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Meter;

/// <summary>
/// A refusal says which limit, its value, what was used of it, and when it resets, so that whoever reads it need not
/// ask anybody.
/// </summary>
public sealed class RefusalTextTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    private const string Chat = "/v1/texts/chat/completions";

    private const string Body =
        """{"model":"gpt-4o-mini","max_tokens":50,"messages":[{"role":"user","content":"Hi"}]}""";

    [Theory]
    [InlineData("token", "max_requests", "insufficient_quota", "insufficient_quota",
        @"^The token has a limit of 1 request: 1 request used\. It does not reset\.$")]
    [InlineData("project", "max_requests", "insufficient_quota", "insufficient_quota",
        @"^The project has a limit of 1 request: 1 request used\. It does not reset\.$")]
    [InlineData("token", "max_tokens", "insufficient_quota", "insufficient_quota",
        @"^The token has a limit of 100 tokens: 50 tokens used\. This request may need 5[0-9] tokens, "
        + @"its longest answer included\. It does not reset\.$")]
    [InlineData("project", "max_tokens", "insufficient_quota", "insufficient_quota",
        @"^The project has a limit of 100 tokens: 50 tokens used\. This request may need 5[0-9] tokens, "
        + @"its longest answer included\. It does not reset\.$")]
    [InlineData("token", "max_cost_usd", "insufficient_quota", "insufficient_quota",
        @"^The token has a limit of \$0\.00005: \$0\.00002[89] used\. This request may need \$0\.00003[0-9], "
        + @"its longest answer included\. It does not reset\.$")]
    [InlineData("token", "requests_per_minute", "rate_limit_exceeded", "requests",
        @"^The token may use 1 request a minute: 1 used, 1 needed\. Try again in [56][0-9]\.[0-9]{3} s; "
        + @"all are there again in [56][0-9]\.[0-9] s\.$")]
    [InlineData("project", "requests_per_minute", "rate_limit_exceeded", "requests",
        @"^The project may use 1 request a minute: 1 used, 1 needed\. Try again in [56][0-9]\.[0-9]{3} s; "
        + @"all are there again in [56][0-9]\.[0-9] s\.$")]
    [InlineData("token", "tokens_per_minute", "rate_limit_exceeded", "tokens",
        @"^The token may use 100 tokens a minute: [45][0-9] used, 5[0-9] needed\. Try again in [0-9.]+ s; "
        + @"all are there again in [23][0-9]\.[0-9] s\.$")]
    public async Task A_limit_that_is_used_up_is_told_with_all_its_numbers(
        string owner, string limit, string code, string type, string text)
    {
        // 50 tokens, at $0.15 and $0.60 a million: 28.2 micro-dollars, of which each begun one counts.
        rig.Upstream.DoesAt(Chat, static exchange => exchange.AnswerAsync(
            200,
            """{"model":"gpt-4o-mini","usage":{"prompt_tokens":4,"completion_tokens":46,"total_tokens":50} }"""u8
                .ToArray(),
            "Content-Type: application/json"));
        var secret = await TokenAsync(owner, limit);
        Assert.Equal(200, (await rig.Proxy.PostAsync(Chat, secret, Body)).Status);

        // What was used is told when it is counted, a moment after the last byte.
        var answer = await Eventually.AnswersAsync(
            () => rig.Proxy.PostAsync(Chat, secret, Body),
            static answer => answer.Status == 429 && !answer.Body.Text.Contains("reserved", StringComparison.Ordinal),
            "the limit is used up");

        var error = JsonDocument.Parse(answer.Body.Text).RootElement.GetProperty("error");
        Assert.Equal($"{owner}.{limit}", error.GetProperty("param").GetString());
        Assert.Equal(code, error.GetProperty("code").GetString());
        Assert.Equal(type, error.GetProperty("type").GetString());
        Assert.Matches(text, error.GetProperty("message").GetString());
        Assert.Equal(code == "insufficient_quota" ? "false" : null, answer.Head.Value("x-should-retry"));
        Assert.Equal(code == "rate_limit_exceeded", answer.Head.Has("Retry-After"));
    }

    [Theory]
    [InlineData("token")]
    [InlineData("project")]
    public async Task A_place_that_is_taken_is_told_with_the_number_of_places(string owner)
    {
        var hanging = rig.Upstream.Does(static exchange => exchange.WaitUntilGoneAsync());
        var secret = await TokenAsync(owner, "max_concurrent");
        await using var client = await rig.ConnectAsync();
        await client.SendAsync(rig.Proxy.Head("GET", hanging.Path, secret));
        await Eventually.HoldsAsync(() => hanging.Requests.Count == 1, "the place is taken");

        var answer = await rig.Proxy.GetAsync("/v1/models", secret);

        var error = JsonDocument.Parse(answer.Body.Text).RootElement.GetProperty("error");
        Assert.Equal($"{owner}.max_concurrent", error.GetProperty("param").GetString());
        Assert.Equal("1", answer.Head.Value("Retry-After"));
        Assert.Equal(
            $"The {owner} may have 1 request running at a time, and that many are. Wait for one to end.",
            error.GetProperty("message").GetString());
    }

    [Fact]
    public async Task What_is_only_reserved_is_told_as_reserved_and_worth_another_try()
    {
        var hanging = rig.Upstream.DoesAt(
            "/v1/reserved/chat/completions", static exchange => exchange.WaitUntilGoneAsync());
        var secret = await TokenAsync("token", "max_tokens");
        await using var client = await rig.ConnectAsync();
        await client.SendAsync(
            rig.Proxy.Head("POST", hanging.Path, secret, $"Content-Length: {Body.Length}") + Body);
        await Eventually.HoldsAsync(() => hanging.Requests.Count == 1, "the first one has reserved");

        var answer = await rig.Proxy.PostAsync(Chat, secret, Body);

        var error = JsonDocument.Parse(answer.Body.Text).RootElement.GetProperty("error");
        Assert.Equal("rate_limit_exceeded", error.GetProperty("code").GetString());
        Assert.Equal("token.max_tokens", error.GetProperty("param").GetString());
        Assert.Equal("1", answer.Head.Value("Retry-After"));
        Assert.False(answer.Head.Has("x-should-retry"));
        Assert.Matches(
            @"^The token has a limit of 100 tokens: 0 tokens used, [5-9][0-9] tokens reserved by running requests\. "
            + @"This request may need 5[0-9] tokens, its longest answer included\. Wait for one to end\.$",
            error.GetProperty("message").GetString());
    }

    private async Task<string> TokenAsync(string owner, string limit)
    {
        var limits = limit switch
        {
            "max_requests" => new TokenLimits { MaxRequests = 1 },
            "max_tokens" => new TokenLimits { MaxTokens = 100 },
            "max_cost_usd" => new TokenLimits { MaxCostUsd = 0.00005m },
            "requests_per_minute" => new TokenLimits { RequestsPerMinute = 1 },
            "tokens_per_minute" => new TokenLimits { TokensPerMinute = 100 },
            _ => new TokenLimits { MaxConcurrent = 1 },
        };
        var project = await rig.Proxy.Management.CreateProjectAsync();
        if (owner == "token")
        {
            return (await rig.Proxy.Management.CreateTokenAsync(project, limits)).Secret;
        }

        await rig.Proxy.Management.LimitProjectAsync(project, limits);
        return (await rig.Proxy.Management.CreateTokenAsync(project)).Secret;
    }
}
