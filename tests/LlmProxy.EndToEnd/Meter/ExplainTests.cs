using System.Text.Json;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Meter;

/// <summary>
/// <c>POST /manage/tokens/{id}/explain</c> says what really happens: each request of the table is explained, then sent,
/// and both must agree.
/// </summary>
public sealed class ExplainTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    private const string Chat =
        """{"model":"gpt-4o-mini","max_tokens":50,"messages":[{"role":"user","content":"Hi"}]}""";

    private static readonly string[] Columns = ["scope", "limit", "value", "used", "remaining"];

    private static readonly TokenLimits Generous = new()
    {
        MaxRequests = 1000,
        RequestsPerMinute = 6,
        MaxConcurrent = 5,
        MaxTokens = 1_000_000,
        TokensPerMinute = 600_000,
        MaxCostUsd = 25m,
        AllowedModels = ["gpt-*"],
    };

    /// <summary>Token, request line, header lines, body, and what is to come of it.</summary>
    public static TheoryData<string, string, string, string, string> Table { get; } = new()
    {
        { "unlimited", "GET /v1/models", "", "", "200" },
        { "unlimited", "HEAD /v1/models", "", "", "200" },
        { "unlimited", "POST /v1/chat/completions", "", Chat, "200" },
        { "unlimited", "POST /v1/chat/completions", "", "{]", "200" },
        { "unlimited", "GET /nowhere", "", "", "404 endpoint_not_found" },
        { "unlimited", "GET /openai/nowhere", "", "", "404 endpoint_not_found" },
        { "unlimited", "OPTIONS /v1/models", "", "", "405 method_not_allowed" },
        { "unlimited", "GET /v1/a/../models", "", "", "400 invalid_target" },
        { "expires_at", "GET /v1/models", "", "", "401 invalid_token" },
        { "revoked", "GET /v1/models", "", "", "401 invalid_token" },
        { "inactive project", "GET /v1/models", "", "", "403 project_inactive" },
        { "expired project", "GET /v1/models", "", "", "403 project_expired" },
        { "max_requests", "GET /v1/models", "", "", "429 insufficient_quota token.max_requests" },
        { "requests_per_minute", "GET /v1/models", "", "", "429 rate_limit_exceeded token.requests_per_minute" },
        { "max_concurrent", "GET /v1/models", "", "", "429 rate_limit_exceeded token.max_concurrent" },
        { "max_tokens", "POST /v1/chat/completions", "", Chat, "429 insufficient_quota token.max_tokens" },
        { "max_tokens", "GET /v1/models", "", "", "200" },
        { "tokens_per_minute", "POST /v1/embeddings", "", Chat, "429 rate_limit_exceeded token.tokens_per_minute" },
        { "max_cost_usd", "POST /v1/chat/completions", "", Chat, "429 insufficient_quota token.max_cost_usd" },
        { "allowed_models", "POST /v1/chat/completions", "", Chat, "403 model_not_allowed model" },
        { "allowed_models", "POST /v1/batches", "", "{}", "403 model_not_allowed model" },
        { "allowed_endpoints", "GET /v1/models", "", "", "403 endpoint_not_allowed" },
        { "allowed_origins", "GET /v1/models", "", "", "403 origin_not_allowed" },
        { "allowed_origins", "GET /v1/models", "Origin: https://evil.example", "", "403 origin_not_allowed" },
        { "allowed_origins", "GET /v1/models", "Origin: https://app.example.com", "", "200" },
        { "generous", "POST /openai/v1/chat/completions", "", Chat, "200" },
        { "generous", "POST /v1/chat/completions", "", "{]", "400 invalid_body" },
        { "generous", "POST /v1/chat/completions", "", """{"model":"gpt-4o","model":"x"}""", "400 invalid_body" },
        { "generous", "POST /v1/images/edits", "Content-Type: multipart/form-data", Chat, "400 invalid_body" },
        {
            "generous", "POST /v1/chat/completions", "Content-Encoding: gzip", Chat,
            "415 unsupported_media_type"
        },
        { "generous", "POST /v1/chat/completions", "", """{"model":"gpt-unheard-of"}""", "403 price_unknown model" },
        {
            "generous", "POST /v1/responses", "", """{"model":"gpt-4o","input":"x","background":true}""",
            "403 usage_not_measurable background"
        },
        { "generous", "POST /v1/audio/speech", "", Chat, "403 usage_not_measurable" },
        { "generous", "GET /v1/realtime?model=gpt-realtime", "Upgrade: websocket", "", "200" },
        { "generous", "GET /v1/realtime?model=other", "Upgrade: websocket", "", "403 model_not_allowed model" },
        {
            "max_tokens", "GET /v1/realtime?model=gpt-realtime", "Upgrade: websocket", "",
            "429 insufficient_quota token.max_tokens"
        },
    };

    [Theory]
    [MemberData(nameof(Table))]
    public async Task What_is_explained_is_what_happens(
        string kind, string line, string header, string body, string expected)
    {
        var secret = await SecretAsync(kind);
        rig.Upstream.TakeStrangers();

        var explained = await ExplainAsync(secret, line, header, body);
        var arrivedByExplaining = rig.Upstream.TakeStrangers();
        var answer = await SendAsync(secret, line, header, body);

        Assert.Empty(arrivedByExplaining);
        Assert.Equal(expected, Verdict(explained));
        Assert.Equal(expected, Verdict(answer));
        Assert.Equal(expected == "200" ? 1 : 0, rig.Upstream.TakeStrangers().Count);
        Assert.Equal(MessageOf(answer), MessageOf(explained));
    }

    [Theory]
    [InlineData("expires_at", "expired")]
    [InlineData("revoked", "revoked")]
    [InlineData("inactive project", "project_inactive")]
    public async Task Management_is_told_what_the_client_is_not(string kind, string rule)
    {
        var explained = await ExplainAsync(await SecretAsync(kind), "GET /v1/models", "", "");

        Assert.Equal(rule, explained.GetProperty("rule").GetString());
    }

    [Fact]
    public async Task Nothing_is_used_up_by_explaining()
    {
        var route = rig.Upstream.Answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        var token = await rig.Proxy.Management.CreateTokenAsync(Generous);
        var before = (await rig.Proxy.Management.SendAsync("GET", $"/manage/tokens/{token.Id}")).Text;

        var explained = new List<JsonElement>();
        while (explained.Count < 30)
        {
            explained.Add(await ExplainAsync(token.Id, "POST /v1/chat/completions", "", Chat));
        }

        Assert.All(explained, one => Assert.Equal(
            explained[0].GetProperty("limits").GetRawText(), one.GetProperty("limits").GetRawText()));
        Assert.Equal(before, (await rig.Proxy.Management.SendAsync("GET", $"/manage/tokens/{token.Id}")).Text);
        var first = await rig.Proxy.GetAsync(route.Path, token.Secret);
        Assert.Equal(
            [5, 600_000, 4, 999, 1_000_000, 25_000_000],
            StructuredList.Parse(first.Head.Values("RateLimit")).Select(static item => item.Number("r")));
    }

    [Fact]
    public async Task Needs_and_what_remains_of_each_limit_are_told()
    {
        var token = await rig.Proxy.Management.CreateTokenAsync(Generous);
        await rig.Proxy.Management.LimitProjectAsync(token.ProjectId, new TokenLimits { MaxRequests = 7 });

        var explained = await ExplainAsync(token.Id, "POST /v1/chat/completions", "", Chat);

        // "Hi" is one token, and a chat of one message has seven around it; the answer may have 50.
        Assert.Equal("58", explained.GetProperty("needs").GetProperty("tokens").GetRawText());
        Assert.Equal(
            [
                "token requests_per_minute 6 0 6", "token tokens_per_minute 600000 0 600000",
                "token max_concurrent 5 0 5", "token max_requests 1000 0 1000", "token max_tokens 1000000 0 1000000",
                "token max_cost_usd 25.000000 0.000000 25.000000", "project max_requests 7 0 7",
            ],
            explained.GetProperty("limits").EnumerateArray().Select(static limit => string.Join(' ',
                Columns.Select(name => limit.GetProperty(name).GetString()))),
            StringComparer.Ordinal);
    }

    [Fact]
    public async Task The_command_line_prints_the_same()
    {
        using var folder = new TempFolder();
        var token = await rig.Proxy.Management.CreateTokenAsync(Generous with { MaxTokens = 20 });

        var result = await Executable.RunAsync(
            folder.Path, [("MANAGEMENT_TOKEN", ProxyProcess.ManagementToken)], string.Empty,
            "manage", "token", "explain", token.Id,
            "--manage-api-base-url", rig.Proxy.Address.GetLeftPart(UriPartial.Authority),
            "--path", "/v1/chat/completions", "--body", Chat);

        Assert.True(result.ExitCode == 0, result.Errors);
        Assert.Matches(@"Verdict: +refused with 429 insufficient_quota\n", result.Output);
        Assert.Matches(@"Rule: +token\.max_tokens\n", result.Output);
        Assert.Matches(@"Message: +The token has a limit of 20 tokens: 0 tokens used\. This request may need 58 tokens",
            result.Output);
        Assert.Matches(@"token +max_tokens +20 +0 +20 +-", result.Output);
    }

    private async Task<string> SecretAsync(string kind)
    {
        switch (kind)
        {
            case "unlimited":
                return (await rig.Proxy.Management.CreateTokenAsync()).Secret;
            case "generous":
                return (await rig.Proxy.Management.CreateTokenAsync(Generous)).Secret;
            case "revoked":
                var revoked = await rig.Proxy.Management.CreateTokenAsync();
                await rig.Proxy.Management.RevokeAsync(revoked);
                return revoked.Secret;
            case "inactive project":
                var inactive = await rig.Proxy.Management.CreateTokenAsync();
                await rig.Proxy.Management.SwitchProjectAsync(inactive.ProjectId, on: false);
                return inactive.Secret;
            case "expired project":
                return await OfExpiredProjectAsync();
            default:
                return await rig.TokenWithoutAsync(kind);
        }
    }

    private async Task<string> OfExpiredProjectAsync()
    {
        var token = await rig.Proxy.Management.CreateTokenAsync();
        var end = TimeProvider.System.GetUtcNow() + TimeSpan.FromSeconds(1);
        await rig.Proxy.Management.SendAsync(
            "PATCH", $"/manage/projects/{token.ProjectId}", $$"""{"expires_at":"{{end:O}}"}""");
        await Eventually.AnswersAsync(
            () => rig.Proxy.GetAsync("/v1/models", token.Secret),
            static answer => answer.Status == 403, "the project has expired");
        return token.Secret;
    }

    private async Task<JsonElement> ExplainAsync(string token, string line, string header, string body)
    {
        var words = line.Split(' ');
        var headers = LinesOf(header).ToDictionary(
            static one => one.Split(": ")[0], static one => one.Split(": ")[1], StringComparer.Ordinal);
        var answer = await rig.Proxy.Management.SendAsync(
            "POST", $"/manage/tokens/{token}/explain",
            JsonSerializer.Serialize(new
            {
                method = words[0],
                path = words[1],
                headers,
                body = body.Length == 0 ? null : body,
            }));
        Assert.True(answer.Status == 200, answer.Text);
        return answer.Json;
    }

    private async Task<RawAnswer> SendAsync(string secret, string line, string header, string body)
    {
        var words = line.Split(' ');
        var answer = await rig.Proxy.AskAsync(
            rig.Proxy.Head(words[0], words[1], secret, [$"Content-Length: {body.Length}", .. LinesOf(header)]) + body,
            words[0]);
        Assert.NotNull(answer);
        return answer;
    }

    /// <summary>An upgrade takes more lines than one.</summary>
    private static string[] LinesOf(string header) => header switch
    {
        "" => [],
        "Upgrade: websocket" =>
        [
            header, "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ],
        _ => [header],
    };

    private static string Verdict(JsonElement explained) => explained.GetProperty("allowed").GetBoolean()
        ? "200"
        : string.Join(' ', new[]
        {
            explained.GetProperty("status").GetRawText(), explained.GetProperty("code").GetString(),
            ParamIn(explained.GetProperty("rule").GetString()!),
        }.Where(static word => word is not null));

    private static string Verdict(RawAnswer answer) => answer.Status == 200
        ? "200"
        : string.Join(' ', new[]
        {
            $"{answer.Status}", ErrorOf(answer).GetProperty("code").GetString(),
            ErrorOf(answer).GetProperty("param").GetString(),
        }.Where(static word => word is not null));

    /// <summary>What the client reads as <c>param</c>, or else a reason that only management is told.</summary>
    private static string? ParamIn(string rule) =>
        rule.StartsWith("token.", StringComparison.Ordinal) || rule is "model" or "background" ? rule : null;

    /// <summary>Without the times in it, which pass.</summary>
    private static string? MessageOf(RawAnswer answer) => answer.Status == 200
        ? null
        : ErrorOf(answer).GetProperty("message").GetString()!.Split(" Try again in ")[0];

    private static string? MessageOf(JsonElement explained) =>
        explained.GetProperty("message").GetString()?.Split(" Try again in ")[0];

    private static JsonElement ErrorOf(RawAnswer answer) =>
        JsonDocument.Parse(answer.Body.Text).RootElement.GetProperty("error");
}
