using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Transparency;

/// <summary>The corners of HTTP/1.1: answers without a body, trailers, expectations.</summary>
public sealed class MessageTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    [Theory]
    [InlineData("GET")]
    [InlineData("POST")]
    [InlineData("PUT")]
    [InlineData("PATCH")]
    [InlineData("DELETE")]
    public async Task A_method_and_its_target_pass_byte_for_byte(string method)
    {
        const string Query = "?a=1&b=%C3%A4%2F&b=&=c&d=a+b~!$'()*,;:@/?";
        var route = rig.Upstream.Answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

        await rig.SendAsync(rig.Head(method, route.Path + Query, "Content-Length: 0"));

        Assert.Equal($"{method} {route.Path}{Query} HTTP/1.1", route.Request.Head.FirstLine);
    }

    [Fact]
    public async Task A_head_request_is_answered_with_the_length_and_no_body()
    {
        var route = rig.Upstream.Answers("HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n");
        await using var client = await rig.ConnectAsync();

        await client.SendAsync(rig.Head("HEAD", route.Path) + rig.Head("HEAD", route.Path));
        var first = await client.ReadAnswerAsync("HEAD");
        var second = await client.ReadAnswerAsync("HEAD");

        Assert.Equal("12345", first?.Head.Value("Content-Length"));
        Assert.Equal(200, second?.Status);
    }

    [Theory]
    [InlineData(204, "")]
    [InlineData(304, "ETag: \"v1\"\r\n")]
    [InlineData(304, "Content-Length: 77\r\n")]
    public async Task An_answer_without_a_body_leaves_the_connection_usable(int status, string headers)
    {
        var bare = rig.Upstream.Answers($"HTTP/1.1 {status} Nothing\r\n{headers}\r\n");
        var next = rig.Upstream.Answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        await using var client = await rig.ConnectAsync();

        await client.SendAsync(rig.Head("GET", bare.Path) + rig.Head("GET", next.Path));
        var first = await client.ReadAnswerAsync();
        var second = await client.ReadAnswerAsync();

        Assert.Equal(status, first?.Status);
        Assert.Equal("ok", second?.Body.Text);
    }

    [Theory]
    [InlineData(201)]
    [InlineData(202)]
    [InlineData(206)]
    [InlineData(226)]
    [InlineData(299)]
    [InlineData(301)]
    [InlineData(307)]
    [InlineData(400)]
    [InlineData(401)]
    [InlineData(402)]
    [InlineData(404)]
    [InlineData(418)]
    [InlineData(429)]
    [InlineData(451)]
    [InlineData(500)]
    [InlineData(502)]
    [InlineData(503)]
    [InlineData(529)]
    [InlineData(599)]
    public async Task A_status_of_the_upstream_passes_with_its_body(int status)
    {
        var route = rig.Upstream.Answers(
            $"HTTP/1.1 {status} Whatever\r\nLocation: http://elsewhere.test/\r\nContent-Length: 7\r\n\r\nits own");

        var answer = await rig.GetAsync(route.Path);

        Assert.Equal(status, answer.Status);
        Assert.Equal("its own", answer.Body.Text);
        Assert.Equal("http://elsewhere.test/", answer.Head.Value("Location"));
        Assert.Single(route.Requests);
    }

    [Fact]
    public async Task Trailers_of_an_answer_do_not_disturb_it()
    {
        var route = rig.Upstream.Answers(
            "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 42\r\n\r\n");

        var answer = await rig.GetAsync(route.Path, "TE: trailers");

        // Kestrel sends none over HTTP/1.1, and an intermediary may drop them (RFC 9110 §6.5.1).
        Assert.Equal("ok", answer.Body.Text);
        Assert.True(answer.Body.IsComplete);
    }

    [Fact]
    public async Task An_answer_that_ends_with_its_connection_passes_whole()
    {
        var route = rig.Upstream.AnswersAndCloses("HTTP/1.1 200 OK\r\n\r\neverything until the end");

        var answer = await rig.GetAsync(route.Path);

        Assert.Equal("everything until the end", answer.Body.Text);
        Assert.True(answer.Body.IsComplete);
    }

    [Fact]
    public async Task A_client_that_expects_a_100_is_told_to_go_on()
    {
        var route = rig.Upstream.Answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        await using var client = await rig.ConnectAsync();

        await client.SendAsync(rig.Head("POST", route.Path, "Content-Length: 4", "Expect: 100-continue"));
        var interim = await client.ReadInterimAsync();
        await client.SendAsync("body");
        var answer = await client.ReadAnswerAsync();

        Assert.StartsWith("HTTP/1.1 100", interim?.FirstLine, StringComparison.Ordinal);
        Assert.Equal(200, answer?.Status);
        Assert.Equal("body", (await route.Request.Body).Text);
        Assert.False(route.Request.Head.Has("Expect"));
    }

    [Fact]
    public async Task A_refused_client_that_expects_a_100_never_gets_one()
    {
        await using var client = await rig.ConnectAsync();

        await client.SendAsync(
            $"POST /v1/x HTTP/1.1\r\nHost: {rig.Authority}\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
        var answer = await client.ReadAnswerAsync();

        Assert.Equal(401, answer?.Status);
        Assert.Empty(answer!.Interim);
    }

    [Fact]
    public async Task Requests_in_a_pipeline_are_answered_in_their_order()
    {
        var routes = Enumerable.Range(0, 20)
            .Select(i => rig.Upstream.Answers($"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{i:000}")).ToList();
        await using var client = await rig.ConnectAsync();

        await client.SendAsync(string.Concat(routes.Select(route => rig.Head("GET", route.Path))));

        for (var i = 0; i < routes.Count; i++)
        {
            Assert.Equal($"{i:000}", (await client.ReadAnswerAsync())?.Body.Text);
        }
    }

    [Fact]
    public async Task A_client_of_http_1_0_gets_an_answer_that_it_can_read()
    {
        var route = rig.Upstream.Answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
        await using var client = await rig.ConnectAsync();

        await client.SendAsync(rig.Head("GET", route.Path).Replace("HTTP/1.1", "HTTP/1.0", StringComparison.Ordinal));
        var everything = await client.ReadToEndAsync();

        Assert.EndsWith("\r\n\r\nok", everything, StringComparison.Ordinal);
    }
}
