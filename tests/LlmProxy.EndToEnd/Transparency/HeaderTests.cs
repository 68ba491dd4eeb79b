using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Transparency;

/// <summary>Which header lines pass, in either direction, and that those which pass do so untouched.</summary>
public sealed class HeaderTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    private const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n";

    [Fact]
    public async Task The_providers_key_takes_the_place_of_the_token()
    {
        var route = rig.Upstream.Answers(Ok + "\r\nok");

        await rig.GetAsync(route.Path);

        Assert.Equal($"Bearer {ProxyBeforeRawUpstream.ProviderKey}", route.Request.Head.Value("Authorization"));
        Assert.DoesNotContain(rig.Token.Secret, route.Request.Head.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_upstream_is_addressed_by_its_own_name()
    {
        var route = rig.Upstream.Answers(Ok + "\r\nok");

        await rig.GetAsync(route.Path);

        Assert.Equal(rig.Upstream.Address.Authority, route.Request.Head.Value("Host"));
    }

    [Theory]
    [InlineData("X-Unknown: kept")]
    [InlineData("OpenAI-Organization: org-123")]
    [InlineData("OpenAI-Beta: assistants=v2")]
    [InlineData("User-Agent: my app/1.0 (odd; comment)")]
    [InlineData("Accept: text/event-stream;q=0.5, */*")]
    [InlineData("Accept-Language: de, en;q=0.7")]
    [InlineData("If-None-Match: \"abc\", W/\"d\"")]
    [InlineData("Range: bytes=0-99")]
    [InlineData("Idempotency-Key: 6f2c-äöü-\u00ff")]
    [InlineData("X-Empty:")]
    [InlineData("Content-Language: tlh")]
    [InlineData("X-Stainless-Retry-Count: 0")]
    public async Task A_request_header_passes_as_it_is(string line)
    {
        var route = rig.Upstream.Answers(Ok + "\r\nok");

        await rig.PostAsync(route.Path, "{}", line);

        var (name, value) = (line.Split(':')[0], line.Split(':', 2)[1].Trim());
        Assert.Equal(value, route.Request.Head.Value(name));
    }

    [Theory]
    [InlineData("Cookie: session=1")]
    [InlineData("X-Forwarded-For: 10.0.0.1")]
    [InlineData("X-Forwarded-Host: evil.test")]
    [InlineData("X-Forwarded-Proto: https")]
    [InlineData("Forwarded: for=10.0.0.1")]
    [InlineData("X-Real-IP: 10.0.0.1")]
    [InlineData("Proxy-Authorization: Basic c2VjcmV0")]
    [InlineData("Proxy-Connection: keep-alive")]
    [InlineData("Keep-Alive: timeout=5")]
    [InlineData("X-Api-Key: llmp_another-credential")]
    [InlineData("Api-Key: another-credential")]
    public async Task A_header_that_is_not_the_upstreams_business_stays_behind(string line)
    {
        var route = rig.Upstream.Answers(Ok + "\r\nok");

        await rig.GetAsync(route.Path, line);

        Assert.False(route.Request.Head.Has(line.Split(':')[0]), route.Request.Head.Text);
    }

    [Theory]
    [InlineData("Connection: X-Up, X-Other")]
    [InlineData("Connection: keep-alive, X-Up")]
    [InlineData("Connection: X-Up, close")]
    [InlineData("connection: Close,x-up")]
    [InlineData("Connection: keep-alive\r\nConnection: X-Up")]
    public async Task What_the_connection_header_lists_ends_at_the_proxy_in_both_directions(string line)
    {
        var route = rig.Upstream.Answers(
            Ok + "Connection: X-Down, keep-alive\r\nX-Down: 1\r\nKeep-Alive: timeout=9\r\n\r\nok");

        var answer = await rig.GetAsync(route.Path, line, "X-Up: 1", "Keep-Alive: timeout=9");

        Assert.False(route.Request.Head.Has("X-Up"), route.Request.Head.Text);
        Assert.False(answer.Head.Has("X-Down"), answer.Head.Text);
        Assert.False(answer.Head.Has("Keep-Alive"));
    }

    [Fact]
    public async Task The_connection_header_cannot_take_the_providers_key_away()
    {
        var route = rig.Upstream.Answers(Ok + "\r\nok");

        await rig.GetAsync(route.Path, "Connection: Authorization, Host");

        Assert.Equal($"Bearer {ProxyBeforeRawUpstream.ProviderKey}", route.Request.Head.Value("Authorization"));
        Assert.Equal(rig.Upstream.Address.Authority, route.Request.Head.Value("Host"));
    }

    [Theory]
    [InlineData("Set-Cookie: a=1; Path=/")]
    [InlineData("Access-Control-Allow-Origin: *")]
    [InlineData("Access-Control-Allow-Credentials: true")]
    [InlineData("Proxy-Authenticate: Basic")]
    [InlineData("Alt-Svc: h3=\":443\"")]
    public async Task An_answer_header_that_is_not_the_clients_business_stays_behind(string line)
    {
        var route = rig.Upstream.Answers(Ok + line + "\r\n\r\nok");

        var answer = await rig.GetAsync(route.Path);

        Assert.Equal(200, answer.Status);
        Assert.False(answer.Head.Has(line.Split(':')[0]), answer.Head.Text);
    }

    [Theory]
    [InlineData("X-Request-Id: req_upstream")]
    [InlineData("OpenAI-Processing-Ms: 12")]
    [InlineData("X-RateLimit-Remaining-Requests: 59")]
    [InlineData("Server: cloudflare")]
    [InlineData("Date: Thu, 01 Jan 1970 00:00:00 GMT")]
    [InlineData("ETag: \"x\"")]
    [InlineData("Cache-Control: private, max-age=0")]
    [InlineData("Retry-After: 7")]
    [InlineData("Content-Type: application/json; charset=\"utf-8\" ; odd=1")]
    [InlineData("X-Latin: caf\u00e9 \u00ff")]
    [InlineData("X-Empty:")]
    public async Task An_answer_header_passes_as_it_is(string line)
    {
        var route = rig.Upstream.Answers(Ok + line + "\r\n\r\nok");

        var answer = await rig.GetAsync(route.Path);

        Assert.Equal(line.Split(':', 2)[1].Trim(), answer.Head.Value(line.Split(':')[0]));
    }

    [Fact]
    public async Task The_proxy_adds_its_id_and_its_own_time_and_nothing_in_the_upstreams_place()
    {
        var route = rig.Upstream.Answers(Ok + "Server-Timing: model;dur=5\r\nX-Request-Id: req_1\r\n\r\nok");

        var answer = await rig.GetAsync(route.Path);

        Assert.NotEmpty(answer.Head.Value("X-LLM-Proxy-Request-ID")!);
        Assert.Equal("req_1", answer.Head.Value("X-Request-ID"));
        var timing = string.Join(',', answer.Head.Values("Server-Timing"));
        Assert.Matches(@"^model;dur=5, ?llm-proxy;dur=[0-9.]+$", timing);
    }

    [Fact]
    public async Task The_proxys_id_stands_in_where_the_upstream_gives_none()
    {
        var route = rig.Upstream.Answers(Ok + "\r\nok");

        var answer = await rig.GetAsync(route.Path);

        Assert.Equal(answer.Head.Value("X-LLM-Proxy-Request-ID"), answer.Head.Value("X-Request-ID"));
    }

    [Fact]
    public async Task A_valid_request_id_of_the_client_is_kept()
    {
        var route = rig.Upstream.Answers(Ok + "\r\nok");

        var answer = await rig.GetAsync(route.Path, "X-Request-ID: my-own-id.42");

        Assert.Equal("my-own-id.42", answer.Head.Value("X-LLM-Proxy-Request-ID"));
    }

    [Fact]
    public async Task Any_set_of_unknown_headers_keeps_its_values_their_order_and_their_number()
    {
        var dice = Dice.Throw();
        await using var client = await rig.ConnectAsync();

        for (var round = 0; round < 300; round++)
        {
            var (up, down) = (AnyHeaders(dice), AnyHeaders(dice));
            var route = rig.Upstream.Answers(Ok + string.Concat(down.Select(static line => line + "\r\n")) + "\r\nok");

            await client.SendAsync(rig.Head("GET", route.Path, up));
            var answer = await client.ReadAnswerAsync();

            AssertSame(up, route.Request.Head, ", ");
            AssertSame(down, answer!.Head, "\n");
        }
    }

    /// <summary>
    /// Upstream the values of a name may share a line, which RFC 9110 §5.3 makes the same thing: their order and
    /// number count.
    /// </summary>
    private static void AssertSame(string[] lines, WireHead head, string between)
    {
        foreach (var name in lines.Select(static line => line.Split(':')[0]).Distinct(StringComparer.OrdinalIgnoreCase))
        {
            var expected = new WireHead("x\r\n" + string.Join("\r\n", lines)).Values(name);
            Assert.Equal(string.Join(between, expected).Trim(' '), string.Join(between, head.Values(name)));
        }
    }

    private static string[] AnyHeaders(Dice dice) =>
    [
        .. Enumerable.Range(0, dice.Below(12)).Select(_ => $"X-{AnyName(dice)}: {AnyValue(dice)}"),
    ];

    /// <summary>Short, so that names repeat.</summary>
    private static string AnyName(Dice dice) =>
        dice.Text(1 + dice.Below(2), "abcDE") + dice.Text(dice.Below(3), "!#$%&'*+.^_`|~09");

    private static string AnyValue(Dice dice)
    {
        const string Visible = "abcXYZ019 \t!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\u00a1\u00c3\u00e9\u00ff";
        return dice.Text(dice.Below(40), Visible).Trim(' ', '\t');
    }
}
