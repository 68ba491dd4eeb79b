using System.Globalization;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Meter;

/// <summary>
/// What an answer tells about limits: <c>RateLimit-Policy</c> and <c>RateLimit</c> as draft-ietf-httpapi-ratelimit-
/// headers-11 has them, <c>X-Token-Expires-In</c>, and OpenAI's own headers.
/// </summary>
public sealed class LimitHeaderTests(ProxyBeforeRawUpstream rig, ProxyBeforeSimulator simulated)
    : IClassFixture<ProxyBeforeRawUpstream>, IClassFixture<ProxyBeforeSimulator>
{
    private const string Chat =
        """{"model":"gpt-4o-mini","max_tokens":50,"messages":[{"role":"user","content":"Hi"}]}""";

    private static readonly TokenLimits All = new()
    {
        MaxRequests = 1000,

        // Few, so that the next one is ten seconds away however slow the machine is.
        RequestsPerMinute = 6,
        MaxConcurrent = 5,
        MaxTokens = 100_000,
        TokensPerMinute = 60_000,
        MaxCostUsd = 2.5m,
    };

    private static readonly string[] UpgradeLines =
    [
        "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];

    [Theory]
    [InlineData(200, "Content-Length: 2\r\n\r\nok")]
    [InlineData(404, "Content-Length: 2\r\n\r\n{}")]
    [InlineData(429, "Retry-After: 1\r\nContent-Length: 2\r\n\r\n{}")]
    [InlineData(500, "Content-Length: 2\r\n\r\n{}")]
    [InlineData(304, "\r\n")]
    [InlineData(204, "\r\n")]
    [InlineData(200, "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n6\r\ndata: \r\n0\r\n\r\n")]
    [InlineData(101, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n")]
    public async Task Every_answer_of_the_provider_tells_what_is_limited_and_what_remains(int status, string rest)
    {
        var route = rig.Upstream.Answers($"HTTP/1.1 {status} Whatever\r\n{rest}");
        var token = await LimitedAsync();

        await using var client = await rig.ConnectAsync();
        await client.SendAsync(rig.Proxy.Head("GET", route.Path, token.Secret, status == 101 ? UpgradeLines : []));
        var head = (await client.ReadHeadAsync()).Head!;

        Assert.StartsWith($"HTTP/1.1 {status} ", head.FirstLine, StringComparison.Ordinal);
        AssertTells(head, requestsLeft: 999);
    }

    [Theory]
    [InlineData("POST", "/v1/audio/speech", "403 Forbidden", 1000)]
    [InlineData("HEAD", "/v1/not/among/the/endpoints", "403 Forbidden", 1000)]
    [InlineData("OPTIONS", "/v1/models", "405 Method Not Allowed", 1000)]
    [InlineData("GET", "/nowhere", "404 Not Found", 1000)]
    [InlineData("POST", "/v1/chat/completions", "400 Bad Request", 1000)]
    public async Task Every_refusal_tells_it_too(string method, string target, string status, long left)
    {
        var token = await LimitedAsync(All with { AllowedEndpoints = ["/v1/audio/*", "/v1/models", "/v1/chat/*"] });

        var answer = await rig.Proxy.AskAsync(
            rig.Proxy.Head(method, target, token.Secret, "Content-Length: 2") + "{]", method);

        Assert.Equal($"HTTP/1.1 {status}", answer?.Head.FirstLine);
        AssertTells(answer!.Head, left);
    }

    [Fact]
    public async Task What_was_used_is_gone_from_what_remains()
    {
        rig.Upstream.DoesAt("/v1/told/chat/completions", static exchange => exchange.AnswerAsync(
            200,
            """{"model":"gpt-4o-mini","usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120} }"""u8
                .ToArray(),
            "Content-Type: application/json"));
        var free = rig.Upstream.Answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        var token = await LimitedAsync(All with { RequestsPerMinute = 600 });

        var chat = await rig.Proxy.PostAsync("/v1/told/chat/completions", token.Secret, Chat);
        var told = await Eventually.AnswersAsync(
            async () => Remaining((await rig.Proxy.GetAsync(free.Path, token.Secret)).Head),
            static left => left["token-tokens"].Number("r") == 100_000 - 120, "the chat is counted");

        // While it runs, the worst case is told as used: nobody else can have it.
        var during = Remaining(chat.Head);
        Assert.InRange(during["token-tokens"].Number("r"), 99_000, 100_000 - 120);
        Assert.Equal(4, during["token-concurrent"].Number("r"));

        // 100 at $0.15 and 20 at $0.60 a million.
        Assert.Equal(2_500_000 - 15 - 12, told["token-cost"].Number("r"));
        Assert.InRange(told["token-tokens-per-minute"].Number("r"), 60_000 - 120, 60_000);
        Assert.Equal(4, told["token-concurrent"].Number("r"));
    }

    [Theory]
    [InlineData("RateLimit-Policy", "\"theirs\";q=10;w=1")]
    [InlineData("RateLimit", "\"theirs\";r=9;t=1")]
    public async Task The_providers_own_lines_stay_and_ours_come_after(string name, string theirs)
    {
        var route = rig.Upstream.Answers($"HTTP/1.1 200 OK\r\n{name}: {theirs}\r\nContent-Length: 2\r\n\r\nok");
        var token = await LimitedAsync();

        var head = (await rig.Proxy.GetAsync(route.Path, token.Secret)).Head;

        Assert.Equal(theirs, head.Values(name)[0]);
        var items = StructuredList.Parse(head.Values(name));
        Assert.Equal(["theirs", "token-requests-per-minute"], items.Take(2).Select(static item => item.Name),
            StringComparer.Ordinal);
    }

    [Fact]
    public async Task The_wait_that_a_refusal_names_is_not_shorter_than_the_window_it_tells()
    {
        var route = rig.Upstream.Answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        var token = await LimitedAsync(new TokenLimits { RequestsPerMinute = 20 });

        var answer = await Eventually.AnswersAsync(
            () => rig.Proxy.GetAsync(route.Path, token.Secret),
            static answer => answer.Status == 429, "the minute's worth is used up");

        var window = Remaining(answer.Head)["token-requests-per-minute"];
        Assert.Equal(0, window.Number("r"));
        var wait = long.Parse(answer.Head.Value("Retry-After")!, CultureInfo.InvariantCulture);
        Assert.InRange(window.Number("t"), 1, wait);

        // One of twenty a minute comes every three seconds.
        Assert.InRange(window.Number("t"), 1, 3);
    }

    [Fact]
    public async Task The_largest_limits_there_are_can_still_be_read()
    {
        var route = rig.Upstream.Answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        var token = await LimitedAsync(new TokenLimits
        {
            MaxRequests = 1_000_000_000_000,
            RequestsPerMinute = 1_000_000_000,
            MaxConcurrent = 1_000_000,
            MaxTokens = 1_000_000_000_000,
            TokensPerMinute = 1_000_000_000,
            MaxCostUsd = 1_000_000_000,
        });

        var head = (await rig.Proxy.GetAsync(route.Path, token.Secret)).Head;

        Assert.Equal(6, StructuredList.Parse(head.Values("RateLimit-Policy")).Count);
        Assert.Equal(6, StructuredList.Parse(head.Values("RateLimit")).Count);
    }

    [Fact]
    public async Task A_token_without_limits_tells_only_when_it_ends()
    {
        var route = rig.Upstream.Answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        var token = await rig.Proxy.Management.CreateTokenAsync();

        var head = (await rig.Proxy.GetAsync(route.Path, token.Secret)).Head;

        Assert.InRange(long.Parse(head.Value("X-Token-Expires-In")!, CultureInfo.InvariantCulture), 3500, 3600);
        Assert.DoesNotContain(head.Headers, static header =>
            header.Name.Contains("RateLimit", StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task Where_the_provider_tells_nothing_OpenAIs_headers_tell_the_limits_of_the_minute()
    {
        var route = rig.Upstream.Answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        var token = await LimitedAsync();

        var head = (await rig.Proxy.GetAsync(route.Path, token.Secret)).Head;

        Assert.Equal(["6", "5", "60000", "60000", "0ms"],
        [
            head.Value("x-ratelimit-limit-requests"), head.Value("x-ratelimit-remaining-requests"),
            head.Value("x-ratelimit-limit-tokens"), head.Value("x-ratelimit-remaining-tokens"),
            head.Value("x-ratelimit-reset-tokens"),
        ]);
        Assert.Matches("^([1-9][.][0-9]+|10)s$", head.Value("x-ratelimit-reset-requests"));
    }

    [Fact]
    public async Task A_limit_for_good_resets_in_OpenAIs_headers_when_the_token_ends()
    {
        var route = rig.Upstream.Answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        var token = await LimitedAsync(new TokenLimits { MaxRequests = 7, MaxTokens = 500 });

        var head = (await rig.Proxy.GetAsync(route.Path, token.Secret)).Head;

        Assert.Equal(["7", "6", "500", "500"],
        [
            head.Value("x-ratelimit-limit-requests"), head.Value("x-ratelimit-remaining-requests"),
            head.Value("x-ratelimit-limit-tokens"), head.Value("x-ratelimit-remaining-tokens"),
        ]);
        Assert.Matches("^59m5[0-9]s$", head.Value("x-ratelimit-reset-requests"));
        Assert.Matches("^59m5[0-9]s$", head.Value("x-ratelimit-reset-tokens"));
    }

    [Fact]
    public async Task What_the_provider_tells_in_OpenAIs_headers_stays_as_it_is()
    {
        var token = await simulated.Proxy.Management.CreateTokenAsync(All);

        var chat = (await simulated.Proxy.PostAsync("/v1/chat/completions", token.Secret, Chat)).Head;
        var files = (await simulated.Proxy.GetAsync(
            "/v1/files", token.Secret, "x-simulator-header: x-ratelimit-remaining-tokens: 5")).Head;

        Assert.Equal(["10000"], chat.Values("x-ratelimit-limit-requests"), StringComparer.Ordinal);
        Assert.Equal(["9999"], chat.Values("x-ratelimit-remaining-requests"), StringComparer.Ordinal);
        Assert.Equal(["1999900"], chat.Values("x-ratelimit-remaining-tokens"), StringComparer.Ordinal);
        Assert.Equal(["3ms"], chat.Values("x-ratelimit-reset-tokens"), StringComparer.Ordinal);
        Assert.Equal(["5"], files.Values("x-ratelimit-remaining-tokens"), StringComparer.Ordinal);
        Assert.Equal(6, StructuredList.Parse(chat.Values("RateLimit")).Count);
    }

    [Fact]
    public async Task Browsers_may_read_everything_that_is_told_about_limits()
    {
        using var folder = new TempFolder();
        await using var proxy = await ProxyProcess.StartAsync(folder, new ProxySetup
        {
            ProviderYaml = ProviderYaml.For(rig.Upstream.Address, "allowed_origins: [https://app.example.com]"),
        });
        var route = rig.Upstream.Answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        var token = await proxy.Management.CreateTokenAsync(All with { MaxRequests = 1 });

        var answers = new[]
        {
            await proxy.GetAsync(route.Path, token.Secret, "Origin: https://app.example.com"),
            await proxy.GetAsync(route.Path, token.Secret, "Origin: https://app.example.com"),
        };

        Assert.Equal([200, 429], answers.Select(static answer => answer.Status));
        Assert.All(answers, static answer =>
        {
            var exposed = answer.Head.Value("Access-Control-Expose-Headers")!.Split(", ");
            var told = answer.Head.Headers.Select(static header => header.Name).Where(static name =>
                name.Contains("RateLimit", StringComparison.OrdinalIgnoreCase)
                || name.StartsWith("X-Token", StringComparison.OrdinalIgnoreCase)
                || name.Equals("x-should-retry", StringComparison.OrdinalIgnoreCase));
            Assert.InRange(told.Count(), 9, 10);
            Assert.All(told, name => Assert.Contains(name, exposed, StringComparer.OrdinalIgnoreCase));
        });
    }

    private Task<IssuedToken> LimitedAsync() => LimitedAsync(All);

    private async Task<IssuedToken> LimitedAsync(TokenLimits limits)
    {
        var project = await rig.Proxy.Management.CreateProjectAsync();
        return await rig.Proxy.Management.CreateTokenAsync(project, limits);
    }

    private static Dictionary<string, StructuredItem> Remaining(WireHead head) =>
        StructuredList.Parse(head.Values("RateLimit"))
            .ToDictionary(static item => item.Name, StringComparer.Ordinal);

    private static void AssertTells(WireHead head, long requestsLeft)
    {
        Assert.Equal(
            [
                "token-requests-per-minute;q=6;w=60", "token-tokens-per-minute;q=60000;w=60;qu=tokens",
                "token-concurrent;q=5;qu=concurrent-requests", "token-requests;q=1000",
                "token-tokens;q=100000;qu=tokens", "token-cost;q=2500000;qu=micro-dollars",
            ],
            StructuredList.Parse(head.Values("RateLimit-Policy")).Select(static item => item.ToString()),
            StringComparer.Ordinal);
        var used = 1000 - requestsLeft;

        // A second may have passed since the request was taken; two hardly can.
        var states = StructuredList.Parse(head.Values("RateLimit"));
        Assert.Equal(
            [
                $"token-requests-per-minute;r={6 - used};t=10", "token-tokens-per-minute;r=60000;t=1",
                $"token-concurrent;r={5 - used}", $"token-requests;r={requestsLeft}", "token-tokens;r=100000",
                "token-cost;r=2500000",
            ],
            states.Select(static item => item.ToString().Replace("t=9", "t=10", StringComparison.Ordinal)),
            StringComparer.Ordinal);
        Assert.InRange(long.Parse(head.Value("X-Token-Expires-In")!, CultureInfo.InvariantCulture), 3500, 3600);
    }
}
