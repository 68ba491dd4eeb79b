using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Transparency;

/// <summary>
/// Interim answers (RFC 9110 §15.2): each reaches the client when it comes, and none disturbs the final one.
/// </summary>
public sealed class InterimTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    private const string Hints =
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.js>; rel=preload\r\n\r\n";

    private const string Processing = "HTTP/1.1 102 Processing\r\n\r\n";

    private const string Soon = "HTTP/1.1 199 Soon\r\nA: 1\r\n\r\n";

    private const string Final = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    [Fact]
    public async Task An_early_hint_passes_before_the_answer_is_sent()
    {
        using var acknowledged = new SemaphoreSlim(0);
        var route = HintsFirst(acknowledged);
        await using var client = await rig.ConnectAsync();

        await client.SendAsync(rig.Head("GET", route.Path));
        var hints = await client.ReadInterimAsync();
        acknowledged.Release();
        var answer = await client.ReadAnswerAsync();

        Assert.Equal(Hints, hints!.Text);
        Assert.Equal("ok", answer!.Body.Text);
        Assert.False(answer.Head.Has("Link"));
    }

    [Theory]
    [InlineData("GET", "")]
    [InlineData("POST", "a body")]
    public async Task On_a_kept_connection_it_passes_before_the_answer_too(string method, string body)
    {
        using var acknowledged = new SemaphoreSlim(0);
        var route = HintsFirst(acknowledged);
        await rig.GetAsync(rig.Upstream.Answers(Final).Path);
        var connections = rig.Upstream.Connections;
        await using var client = await rig.ConnectAsync();

        for (var i = 0; i < 20; i++)
        {
            await client.SendAsync(rig.Head(method, route.Path, $"Content-Length: {body.Length}") + body);
            Assert.Equal(Hints, (await client.ReadInterimAsync())!.Text);
            acknowledged.Release();
            Assert.Equal("ok", (await client.ReadAnswerAsync())!.Body.Text);
        }

        Assert.Equal(connections, rig.Upstream.Connections);
        var bodies = await Task.WhenAll(route.Requests.Select(static request => request.Body));
        Assert.All(bodies, received => Assert.Equal(body, received.Text));
    }

    [Theory]
    [InlineData("Content-Length: 300000")]
    [InlineData("Transfer-Encoding: chunked")]
    public async Task One_that_comes_before_the_body_has_been_sent_is_not_lost(string framing)
    {
        const int pieceBytes = 150_000;
        var piece = new string('x', pieceBytes);
        var isChunked = framing.Contains("chunked", StringComparison.Ordinal);
        var route = rig.Upstream.Does(static async exchange =>
        {
            await exchange.WriteAsync(Hints);
            await exchange.ReadBodyAsync();
            await exchange.WriteAsync(Final);
        });
        await using var client = await rig.ConnectAsync();

        for (var i = 0; i < 5; i++)
        {
            await client.SendAsync(rig.Head("POST", route.Path, framing));
            await client.SendAsync(isChunked ? $"{pieceBytes:x}\r\n{piece}\r\n" : piece);
            await client.SendAsync(isChunked ? $"{pieceBytes:x}\r\n{piece}\r\n0\r\n\r\n" : piece);
            var answer = await client.ReadAnswerAsync();

            Assert.Equal(Hints, Said(answer));
            Assert.Equal("ok", answer!.Body.Text);
        }
    }

    [Fact]
    public async Task Several_pass_in_their_order()
    {
        var route = rig.Upstream.Answers(Processing + Hints + Soon + Processing + Final);

        var answer = await rig.GetAsync(route.Path);

        Assert.Equal(Processing + Hints + Soon + Processing, Said(answer));
        Assert.Equal("ok", answer.Body.Text);
    }

    [Fact]
    public async Task More_than_sixteen_do_not_pass()
    {
        var route = rig.Upstream.Answers(string.Concat(Enumerable.Repeat(Processing, 50)) + Final);

        var answer = await rig.GetAsync(route.Path);

        Assert.Equal(16, answer.Interim.Count);
        Assert.Equal("ok", answer.Body.Text);
    }

    [Fact]
    public async Task It_does_not_matter_where_they_are_cut()
    {
        const string Everything = Processing + Hints + Final;
        var cut = 0;
        var route = rig.Upstream.Does(async exchange =>
        {
            await exchange.WriteAsync(Everything[..cut]);
            await exchange.WriteAsync(Everything[cut..]);
        });
        await using var client = await rig.ConnectAsync();

        for (cut = 1; cut < Everything.Length; cut++)
        {
            await client.SendAsync(rig.Head("GET", route.Path));
            var answer = await client.ReadAnswerAsync();

            Assert.Equal(Processing + Hints, Said(answer));
            Assert.Equal("ok", answer!.Body.Text);
        }
    }

    [Fact]
    public async Task Nor_does_it_when_each_byte_comes_alone()
    {
        var route = rig.Upstream.Does(static async exchange =>
        {
            foreach (var character in Hints + Processing + Final)
            {
                await exchange.WriteAsync($"{character}");
            }
        });

        var answer = await rig.GetAsync(route.Path);

        Assert.Equal(Hints + Processing, Said(answer));
        Assert.Equal("ok", answer.Body.Text);
    }

    [Fact]
    public async Task A_client_of_http_1_0_gets_none()
    {
        var route = rig.Upstream.Answers(Hints + Final);
        await using var client = await rig.ConnectAsync();

        await client.SendAsync(rig.Head("GET", route.Path).Replace("HTTP/1.1", "HTTP/1.0", StringComparison.Ordinal));
        var everything = await client.ReadToEndAsync();

        Assert.StartsWith("HTTP/1.1 200", everything, StringComparison.Ordinal);
        Assert.DoesNotContain("Link", everything, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_expects_a_100_gets_that_first_and_the_others_after_it()
    {
        var route = rig.Upstream.Answers("HTTP/1.1 100 Continue\r\n\r\n" + Hints + Final);
        await using var client = await rig.ConnectAsync();

        await client.SendAsync(rig.Head("POST", route.Path, "Content-Length: 4", "Expect: 100-continue"));
        var goOn = await client.ReadInterimAsync();
        await client.SendAsync("body");
        var answer = await client.ReadAnswerAsync();

        Assert.StartsWith("HTTP/1.1 100", goOn!.FirstLine, StringComparison.Ordinal);
        Assert.Equal(Hints, Said(answer));
        Assert.Equal("ok", answer!.Body.Text);
    }

    [Theory]
    [InlineData("HTTP/1.1 100 Continue\r\nA: 1\r\n\r\n")]
    [InlineData("HTTP/1.0 103 Early Hints\r\nA: 1\r\n\r\n")]
    [InlineData("HTTP/1.1 103 Early Hints\nA: 1\n\n")]
    [InlineData("HTTP/1.1 103 Early Hints\r\nA: 1\nB: 2\r\n\r\n")]
    public async Task What_is_about_the_connection_or_in_doubt_does_not_pass(string interim)
    {
        var route = rig.Upstream.Answers(interim + Final);

        var answer = await rig.GetAsync(route.Path);

        Assert.Empty(answer.Interim);
        Assert.Equal("ok", answer.Body.Text);
    }

    [Fact]
    public async Task A_long_one_does_not_pass()
    {
        var value = new string('a', 16 * 1024);
        var route = rig.Upstream.Answers($"HTTP/1.1 103 Early Hints\r\nA: {value}\r\n\r\n" + Final);

        var answer = await rig.GetAsync(route.Path);

        Assert.Empty(answer.Interim);
        Assert.Equal("ok", answer.Body.Text);
    }

    [Fact]
    public async Task Of_its_fields_those_pass_that_would_with_a_final_answer()
    {
        var route = rig.Upstream.Answers(
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 1\r\n"
            + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\nSet-Cookie: a=b\r\nAlt-Svc: h3\r\nUpgrade: h2c\r\n"
            + "Access-Control-Allow-Origin: *\r\nX-Dirty: a\u0001b\r\nX-Empty:\r\n"
            + "X-Folded: one\r\n two\r\nX-Latin: \u00e4\u00ff\r\nX-Spaces:   a  b \t\r\n\r\n" + Final);

        var answer = await rig.GetAsync(route.Path);

        Assert.Equal(
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nX-Empty: \r\nX-Folded: one two\r\nX-Latin: \u00e4\u00ff\r\n"
            + "X-Spaces: a  b\r\n\r\n",
            Assert.Single(answer.Interim).Text);
        Assert.Equal("ok", answer.Body.Text);
    }

    [Fact]
    public async Task The_next_request_of_a_pipeline_is_answered_right_after()
    {
        var hinting = rig.Upstream.Answers(Hints + Final);
        var plain = rig.Upstream.Answers("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext");
        await using var client = await rig.ConnectAsync();

        await client.SendAsync(string.Concat(Enumerable.Repeat(
            rig.Head("GET", hinting.Path) + rig.Head("HEAD", hinting.Path) + rig.Head("GET", plain.Path), 10)));

        for (var i = 0; i < 10; i++)
        {
            var first = await client.ReadAnswerAsync();
            var second = await client.ReadAnswerAsync("HEAD");
            var third = await client.ReadAnswerAsync();
            Assert.Equal((Hints, "ok"), (Assert.Single(first!.Interim).Text, first.Body.Text));
            Assert.Equal(Hints, Assert.Single(second!.Interim).Text);
            Assert.Equal("next", third!.Body.Text);
            Assert.Empty(third.Interim);
        }
    }

    [Fact]
    public async Task Each_client_gets_its_own_and_nobody_elses()
    {
        var routes = Enumerable.Range(0, 20)
            .Select(i => rig.Upstream.Answers(
                $"HTTP/1.1 103 Early Hints\r\nX-Mine: {i}\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{i:0000}"))
            .ToList();

        var answers = await Task.WhenAll(Enumerable.Range(0, 400).Select(i => rig.GetAsync(routes[i % 20].Path)));

        Assert.All(answers, static (answer, i) =>
        {
            Assert.Equal($"{i % 20}", Assert.Single(answer.Interim).Value("X-Mine"));
            Assert.Equal($"{i % 20:0000}", answer.Body.Text);
        });
    }

    [Fact]
    public async Task A_body_that_looks_like_one_is_a_body()
    {
        var route = rig.Upstream.Does(static async exchange =>
        {
            await exchange.WriteAsync($"HTTP/1.1 200 OK\r\nContent-Length: {Hints.Length * 2}\r\n\r\n");
            await exchange.WriteAsync(Hints);
            await exchange.WriteAsync(Hints);
        });

        for (var i = 0; i < 5; i++)
        {
            var answer = await rig.GetAsync(route.Path);
            Assert.Empty(answer.Interim);
            Assert.Equal(Hints + Hints, answer.Body.Text);
        }
    }

    [Fact]
    public async Task It_is_not_stored_with_what_follows_it()
    {
        var route = rig.Upstream.Answers(
            Hints + "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 2\r\n\r\nok");

        var first = await rig.GetAsync(route.Path);
        var second = await rig.GetAsync(route.Path);

        Assert.Single(first.Interim);
        Assert.Empty(second.Interim);
        Assert.Equal("hit", second.Head.Value("X-PROXY-CACHE"));
        Assert.False(second.Head.Has("Link"));
    }

    [Fact]
    public async Task Who_shares_the_call_of_another_one_gets_the_answer_alone()
    {
        using var followed = new SemaphoreSlim(0);
        var route = rig.Upstream.Does(async exchange =>
        {
            await exchange.WriteAsync(
                Hints + "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 2\r\n\r\no");
            Assert.True(await followed.WaitAsync(Eventually.Patience));
            await exchange.WriteAsync("k");
        });
        await using var leader = await rig.ConnectAsync();
        await using var follower = await rig.ConnectAsync();

        await leader.SendAsync(rig.Head("GET", route.Path));
        var (leaderHead, leaderInterim) = await leader.ReadHeadAsync();
        await follower.SendAsync(rig.Head("GET", route.Path));
        var (head, interim) = await follower.ReadHeadAsync();
        followed.Release();

        Assert.Single(leaderInterim);
        Assert.Empty(interim);
        Assert.Contains("collapsed", head!.Value("Cache-Status"), StringComparison.Ordinal);
        Assert.Equal("ok", (await follower.ReadBodyAsync(head)).Text);
        Assert.Equal("ok", (await leader.ReadBodyAsync(leaderHead!)).Text);
    }

    [Fact]
    public async Task A_refusal_after_it_is_whole()
    {
        var route = rig.Upstream.AnswersAndCloses(Hints + "HTTP/1.1 200");
        await using var client = await rig.ConnectAsync();

        await client.SendAsync(rig.Head("GET", route.Path));
        var answer = await client.ReadAnswerAsync();

        Assert.Equal(Hints, Assert.Single(answer!.Interim).Text);
        Assert.Equal(502, answer.Status);
    }

    [Fact]
    public async Task A_client_that_leaves_after_it_ends_the_call()
    {
        var route = rig.Upstream.Does(static async exchange =>
        {
            await exchange.WriteAsync(Hints);
            await exchange.WaitUntilGoneAsync();
        });
        await using var client = await rig.ConnectAsync();

        await client.SendAsync(rig.Head("GET", route.Path));
        await client.ReadInterimAsync();
        client.Reset();

        Assert.True(await route.Request.Gone > 0);
    }

    /// <summary>All interim heads, as they came.</summary>
    private static string Said(RawAnswer? answer) =>
        string.Concat(answer!.Interim.Select(static head => head.Text));

    private UpstreamRoute HintsFirst(SemaphoreSlim acknowledged) => rig.Upstream.Does(async exchange =>
    {
        await exchange.ReadBodyAsync();
        await exchange.WriteAsync(Hints);
        Assert.True(await acknowledged.WaitAsync(Eventually.Patience));
        await exchange.WriteAsync(Final);
    });
}
