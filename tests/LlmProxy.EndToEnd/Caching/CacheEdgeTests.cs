using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Caching;

/// <summary>What a hostile reviewer has found, and must not find again.</summary>
public sealed class CacheEdgeTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    private const string AskFor = "Cache-Control: max-age=3600";

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("data: {\"error\":{\"message\":\"overloaded\"}}\n\n")]
    [InlineData("data: {\"error\":{\"message\":\"overloaded\"}}\n\ndata: [DONE]\n\n")]
    [InlineData("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n")]
    [InlineData("data: {\"type\":\"response.failed\",\"response\":{}}\n\n")]
    [InlineData("data: {\"type\":\"response.incomplete\",\"response\":{}}\n\n")]
    public async Task A_stream_that_ends_with_a_failure_is_not_stored(string events)
    {
        var route = Streaming(events);
        await rig.PostAsync(route.Path, events, AskFor);

        Assert.Equal("miss", (await rig.PostAsync(route.Path, events, AskFor)).Head.Value("X-PROXY-CACHE"));
    }

    [Theory]
    [InlineData("data: {\"x\":1}\n\ndata: [DONE]\n\n")]
    [InlineData("data: {\"type\":\"response.completed\",\"response\":{\"error\":null}}\n\n")]
    [InlineData("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n")]
    public async Task A_stream_that_ends_as_its_kind_does_is_stored(string events)
    {
        var route = Streaming(events);
        await rig.PostAsync(route.Path, events, AskFor);

        var second = await rig.PostAsync(route.Path, events, AskFor);
        Assert.Equal(("hit", events), (second.Head.Value("X-PROXY-CACHE"), second.Body.Text));
    }

    [Fact]
    public async Task A_post_is_never_sent_in_the_background()
    {
        var route = rig.Upstream.Does(exchange => exchange.AnswerAsync(
            200, "x"u8.ToArray(), "Cache-Control: max-age=0, stale-while-revalidate=100"));
        await rig.PostAsync(route.Path, "{}", AskFor);

        Assert.Equal("miss", (await rig.PostAsync(route.Path, "{}", AskFor)).Head.Value("X-PROXY-CACHE"));
        Assert.All(route.Requests, static request => Assert.Equal("POST", request.Method));
    }

    [Fact]
    public async Task A_head_that_confirms_what_is_stored_leaves_it_fresh()
    {
        var route = rig.Upstream.Does(async exchange =>
        {
            await exchange.ReadBodyAsync();
            await exchange.WriteAsync(
                "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nETag: \"v\"\r\nContent-Length: 4\r\n\r\n"
                + (exchange.Method == "HEAD" ? string.Empty : "text"));
        });
        await rig.GetAsync(route.Path);
        await rig.Proxy.AskAsync(rig.Head("HEAD", route.Path, "Cache-Control: no-cache"), "HEAD");

        var after = await rig.GetAsync(route.Path);

        Assert.Equal(("hit", "0"), (after.Head.Value("X-PROXY-CACHE"), after.Head.Value("Age")));
        Assert.Equal(2, route.Requests.Count);
    }

    [Theory]
    [InlineData("Cache-Control: no-store")]
    [InlineData("Range: bytes=0-0")]
    [InlineData("If-None-Match: \"v\"")]
    public async Task One_client_that_wants_something_else_does_not_keep_others_from_sharing(string line)
    {
        using var mayAnswer = new SemaphoreSlim(0);
        var route = rig.Upstream.Does(async exchange =>
        {
            if (exchange.Head.Value("X-First") is null)
            {
                await mayAnswer.WaitAsync(Eventually.Patience);
            }

            var isKnown = exchange.Head.Has("If-None-Match");
            await exchange.AnswerAsync(
                isKnown ? 304 : exchange.Head.Has("Range") ? 206 : 200, isKnown ? default : "x"u8.ToArray(),
                "Cache-Control: max-age=60", "ETag: \"v\"", "Content-Range: bytes 0-0/1");
        });
        await rig.GetAsync(route.Path, line, "X-First: 1");

        var answers = Enumerable.Range(0, 20).Select(_ => rig.Http.GetStringAsync(route.Path, Cancelled)).ToList();
        await Eventually.AnswersAsync(
            () => Task.FromResult(route.Requests.Count), static count => count > 1, "a call");
        mayAnswer.Release(20);
        await Task.WhenAll(answers);

        Assert.Equal(2, route.Requests.Count);
    }

    [Fact]
    public async Task A_get_with_a_body_is_nothing_for_the_cache()
    {
        var route = rig.Upstream.Does(async exchange =>
            await exchange.AnswerAsync(200, (await exchange.ReadBodyAsync()).Content, "Cache-Control: max-age=60"));

        await rig.SendAsync(rig.Head("GET", route.Path, "Content-Length: 4") + "evil");
        var clean = await rig.GetAsync(route.Path);

        Assert.Equal(string.Empty, clean.Body.Text);
    }

    [Fact]
    public async Task Failing_calls_do_not_queue_up_for_ever()
    {
        var route = rig.Upstream.Does(async exchange =>
        {
            await Task.Delay(TimeSpan.FromMilliseconds(700), Cancelled);
            await exchange.AnswerAsync(503, "no"u8.ToArray());
        });

        var started = System.Diagnostics.Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => rig.Http.GetAsync(route.Path, Cancelled)));

        // One after the other they would take 14 s.
        Assert.InRange(System.Diagnostics.Stopwatch.GetElapsedTime(started).TotalSeconds, 0, 9);
    }

    [Fact]
    public async Task Who_waits_gets_the_whole_stream_when_something_was_cut_out_of_it()
    {
        await using var own = new OwnProxy();
        using var mayGoOn = new SemaphoreSlim(0);
        const string Events = "data: {\"choices\":[]}\n\ndata: {\"choices\":[],\"usage\":{\"total_tokens\":3}}\n\n"
            + "data: [DONE]\n\n";
        var route = own.Upstream.DoesAt("/v1/chat/completions", async exchange =>
        {
            await exchange.ReadBodyAsync();
            await exchange.WriteAsync(
                $"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {Events.Length}\r\n\r\n"
                + Events[..10]);
            await mayGoOn.WaitAsync(Eventually.Patience);
            await exchange.WriteAsync(Events[10..]);
        });
        await own.StartAsync("inject_stream_usage: true");

        const string Body = """{"model":"m","stream":true}""";
        var leader = own.PostAsync(route.Path, Body, AskFor);
        await Eventually.AnswersAsync(() => Task.FromResult(route.Requests.Count), static count => count > 0, "a call");
        var follower = own.PostAsync(route.Path, Body, AskFor);
        mayGoOn.Release(2);

        var (one, other) = (await leader, await follower);
        Assert.True(one.Body.IsComplete);
        Assert.True(other.Body.IsComplete);
        Assert.Equal("data: {\"choices\":[]}\n\ndata: [DONE]\n\n", one.Body.Text);
        Assert.Equal(one.Body.Text, other.Body.Text);
        Assert.Single(route.Requests);
    }

    private UpstreamRoute Streaming(string events) => rig.Upstream.Does(exchange => exchange.AnswerAsync(
        200, System.Text.Encoding.ASCII.GetBytes(events), "Content-Type: text/event-stream"));
}
