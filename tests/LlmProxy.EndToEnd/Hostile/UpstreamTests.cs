using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Hostile;

/// <summary>
/// Upstreams that break the rules: what the client sees of it, and that the next client sees nothing.
/// </summary>
public sealed class UpstreamTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    private const string Ok = "HTTP/1.1 200 OK\r\n";
    private const string Canary = "canary-in-the-upstreams-words";

    [Theory]
    [InlineData("garbage without any form " + Canary + "\r\n\r\n")]
    [InlineData("HTTP/0.9 200 OK\r\n\r\n" + Canary)]
    [InlineData("HTTP/2.0 200 OK\r\n\r\n" + Canary)]
    [InlineData("HTTP/1.1 99 " + Canary + "\r\n\r\n")]
    [InlineData("HTTP/1.1 abc " + Canary + "\r\n\r\n")]
    [InlineData("HTTP/1.1\r\nX: " + Canary + "\r\n\r\n")]
    [InlineData("HTTP/1.1 2000 " + Canary + "\r\n\r\n")]
    [InlineData("HTTP/1.1 999 " + Canary + "\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("HTTP/1.1 600 " + Canary + "\r\nContent-Length: 0\r\n\r\n")]
    [InlineData(Ok + "Bad Name: " + Canary + "\r\nContent-Length: 0\r\n\r\n")]
    [InlineData(Ok + "NoColon" + Canary + "\r\nContent-Length: 0\r\n\r\n")]
    [InlineData(Ok + ": " + Canary + "\r\nContent-Length: 0\r\n\r\n")]
    [InlineData(Ok + "Content-Length: 2,3\r\n\r\nok")]
    [InlineData(Ok + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nok")]
    [InlineData(Ok + "Content-Length: -1\r\n\r\nok")]
    [InlineData(Ok + "Content-Length: +2\r\n\r\nok")]
    [InlineData(Ok + "Content-Length: 2x\r\n\r\nok")]
    [InlineData(Ok + "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")]
    [InlineData(Ok + "Transfer-Encoding: xchunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + Canary)]
    [InlineData("")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Le")]
    public async Task An_answer_that_is_not_http_becomes_a_502_in_our_words(string bytes)
    {
        var route = rig.Upstream.AnswersAndCloses(bytes);

        var answer = await rig.GetAsync(route.Path);

        Assert.Equal(502, answer.Status);
        Assert.Contains("\"upstream_", answer.Body.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(Canary, answer.Head.Text + answer.Body.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_status_passes_whatever_the_upstream_sends_after_it()
    {
        var statuses = Enumerable.Range(200, 400).ToList();

        var passed = new List<int>();
        foreach (var status in statuses)
        {
            var route = rig.Upstream.AnswersAndCloses($"HTTP/1.1 {status} X\r\nContent-Length: 5\r\n\r\nhello");
            passed.Add((await rig.GetAsync(route.Path)).Status);
        }

        Assert.Equal(statuses, passed);
    }

    [Fact]
    public async Task A_connection_that_breaks_before_the_answer_is_a_502()
    {
        var route = rig.Upstream.Does(static exchange =>
        {
            exchange.Reset();
            return Task.CompletedTask;
        });

        Assert.Equal(502, (await rig.GetAsync(route.Path)).Status);
    }

    [Theory]
    [InlineData(70_000)]
    [InlineData(2_000_000)]
    public async Task Headers_without_an_end_are_a_502(int length)
    {
        var route = rig.Upstream.AnswersAndCloses(Ok + "X-Long: " + new string('a', length) + "\r\n\r\n");

        Assert.Equal(502, (await rig.GetAsync(route.Path)).Status);
    }

    [Fact]
    public async Task A_post_whose_connection_breaks_is_never_sent_twice()
    {
        var route = rig.Upstream.Does(static async exchange =>
        {
            await exchange.ReadBodyAsync();
            exchange.Reset();
        });
        var warm = rig.Upstream.Answers(Ok + "Content-Length: 2\r\n\r\nok");
        await rig.GetAsync(warm.Path);

        var answer = await rig.PostAsync(route.Path, "{}");

        Assert.Equal(502, answer.Status);
        Assert.Single(route.Requests);
    }

    [Fact]
    public async Task Chunks_beat_a_length_that_contradicts_them()
    {
        var route = rig.Upstream.AnswersAndCloses(
            Ok + "Content-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");

        var answer = await rig.GetAsync(route.Path);

        Assert.Equal("ok", answer.Body.Text);
        Assert.False(answer.Head.Has("Content-Length"));
        Assert.True(answer.Body.IsComplete);
    }

    [Theory]
    [InlineData("zz\r\nok\r\n0\r\n\r\n")]
    [InlineData("ffffffffffffffffff\r\nok\r\n0\r\n\r\n")]
    [InlineData("2\r\nok\r\nzz\r\n")]
    public async Task Chunks_that_are_none_never_look_like_a_whole_answer(string chunks)
    {
        var route = rig.Upstream.AnswersAndCloses(Ok + "Transfer-Encoding: chunked\r\n\r\n" + chunks);

        var answer = await rig.GetAsync(route.Path);

        Assert.True(answer.Status == 502 || !answer.Body.IsComplete, answer.Head.Text);
    }

    [Fact]
    public async Task A_stream_that_is_reset_in_the_middle_is_cut_for_the_client_too()
    {
        var route = rig.Upstream.Does(static async exchange =>
        {
            await exchange.WriteAsync(Ok + "Content-Type: text/event-stream\r\n\r\ndata: 1\n\n");
            await exchange.ReadBodyAsync();
            exchange.Reset();
        });

        await using var client = await rig.ConnectAsync();
        await client.SendAsync(rig.Head("GET", route.Path));
        var answer = await client.ReadAnswerAsync();

        Assert.True(answer is null or { Status: 502 } or { Body.IsComplete: false }, answer?.Body.Text);
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\nContent-Length: 2\n\nok")]
    [InlineData(Ok + "X-Folded: a\r\n b\r\nContent-Length: 2\r\n\r\nok")]
    [InlineData(Ok + "X-Nul: a\u0000b\r\nContent-Length: 2\r\n\r\nok")]
    [InlineData(Ok + "X-Bare: a\rb\r\nContent-Length: 2\r\n\r\nok")]
    [InlineData(Ok + "X-Control: a\u0001b\u001b[31m\r\nContent-Length: 2\r\n\r\nok")]
    [InlineData(Ok + "X-Utf8: \u00c3\u00a4\u00e2\u0080\u00a8\r\nContent-Length: 2\r\n\r\nok")]
    public async Task A_header_that_http_forbids_neither_harms_the_answer_nor_passes_as_it_is(string bytes)
    {
        var route = rig.Upstream.Answers(bytes);

        var answer = await rig.GetAsync(route.Path);

        Assert.Equal("ok", answer.Body.Text);
        Assert.All(
            answer.Head.Headers, static header => Assert.DoesNotMatch("[\\x00-\\x08\\x0a-\\x1f\\x7f]", header.Value));
    }

    [Theory]
    [InlineData(Ok + "Content-Length: 2\r\n\r\nokEXTRA BYTES")]
    [InlineData(Ok + "Content-Length: 2\r\n\r\nok" + Ok + "Content-Length: 6\r\n\r\nSTOLEN")]
    [InlineData(Ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" + Ok + "Content-Length: 6\r\n\r\nSTOLEN")]
    public async Task Bytes_after_an_answer_never_reach_the_next_client(string bytes)
    {
        var greedy = rig.Upstream.Answers(bytes);
        var honest = rig.Upstream.Answers(Ok + "Content-Length: 6\r\n\r\nhonest");

        for (var i = 0; i < 10; i++)
        {
            Assert.Equal("ok", (await rig.GetAsync(greedy.Path)).Body.Text);
            Assert.Equal("honest", (await rig.GetAsync(honest.Path)).Body.Text);
        }
    }

    [Fact]
    public async Task Fifty_interim_answers_are_swallowed()
    {
        var route = rig.Upstream.Answers(
            string.Concat(Enumerable.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 50)) + Ok + "Content-Length: 2\r\n\r\nok");

        var answer = await rig.GetAsync(route.Path);

        Assert.Equal("ok", answer.Body.Text);
        Assert.Empty(answer.Interim);
    }

    [Fact]
    public async Task A_204_that_claims_a_length_keeps_its_status_and_loses_the_claim()
    {
        var route = rig.Upstream.Answers("HTTP/1.1 204 No Content\r\nContent-Length: 10\r\n\r\n");

        var answer = await rig.GetAsync(route.Path);

        Assert.Equal(204, answer.Status);
        Assert.False(answer.Head.Has("Content-Length"));
    }

    [Fact]
    public async Task A_redirect_is_passed_on_and_never_followed()
    {
        var target = rig.Upstream.Answers(Ok + "Content-Length: 2\r\n\r\nok");
        var route = rig.Upstream.Answers(
            $"HTTP/1.1 307 Temporary Redirect\r\nLocation: {rig.Upstream.Address}{target.Path[1..]}\r\n"
            + "Content-Length: 0\r\n\r\n");

        var answer = await rig.GetAsync(route.Path);

        Assert.Equal(307, answer.Status);
        Assert.Empty(target.Requests);
    }

    [Fact]
    public async Task A_cookie_of_the_upstream_is_neither_shown_nor_sent_back()
    {
        var route = rig.Upstream.Answers(Ok + "Set-Cookie: tenant=a; Path=/\r\nContent-Length: 2\r\n\r\nok");

        var first = await rig.GetAsync(route.Path);
        await rig.GetAsync(route.Path);

        Assert.False(first.Head.Has("Set-Cookie"));
        Assert.All(route.Requests, static request => Assert.False(request.Head.Has("Cookie")));
    }

    [Fact]
    public async Task An_upstream_that_is_not_there_is_a_502()
    {
        using var folder = new TempFolder();
        var setup = new ProxySetup { ProviderYaml = ProviderYaml.For(RawUpstream.Nowhere()) };
        await using var proxy = await ProxyProcess.StartAsync(folder, setup);
        var token = await proxy.Management.CreateTokenAsync();

        var answer = await proxy.GetAsync("/v1/x", token.Secret);

        Assert.Equal(502, answer.Status);
        Assert.Contains("upstream_unreachable", answer.Body.Text, StringComparison.Ordinal);
    }
}
