using System.Net;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Caching;

/// <summary>Equal requests that come at once are one call to the provider, and nobody waits in vain.</summary>
public sealed class SharedCallTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    private const string Fresh = "Cache-Control: max-age=60";

    private const string StreamHead =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: max-age=60\r\n"
        + "Transfer-Encoding: chunked\r\n\r\n";

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Five_hundred_equal_misses_at_once_are_one_call()
    {
        using var everybodyAsked = new SemaphoreSlim(0);
        var route = rig.Upstream.Does(async exchange =>
        {
            await everybodyAsked.WaitAsync(Eventually.Patience);
            await exchange.AnswerAsync(200, "the one answer"u8.ToArray(), Fresh);
        });

        var answers = Enumerable.Range(0, 500).Select(_ => rig.Http.GetStringAsync(route.Path, Cancelled)).ToList();
        await Eventually.AnswersAsync(() => Task.FromResult(route.Requests.Count), static count => count > 0, "a call");
        everybodyAsked.Release(500);

        Assert.All(await Task.WhenAll(answers), static text => Assert.Equal("the one answer", text));
        Assert.Single(route.Requests);
    }

    [Fact]
    public async Task Who_waits_receives_a_stream_as_it_grows()
    {
        using var mayGoOn = new SemaphoreSlim(0);
        var route = PausingStream(mayGoOn);
        await using var leader = await rig.ConnectAsync();
        await leader.SendAsync(rig.Head("GET", route.Path));
        var (leaderHead, _) = await leader.ReadHeadAsync();

        await using var follower = await rig.ConnectAsync();
        await follower.SendAsync(rig.Head("GET", route.Path));
        var (head, _) = await follower.ReadHeadAsync();
        var first = System.Text.Encoding.Latin1.GetString(await follower.ReadSomeAsync());
        mayGoOn.Release();

        Assert.Contains("data: 1", first, StringComparison.Ordinal);
        Assert.Contains("collapsed", head!.Value("Cache-Status"), StringComparison.Ordinal);
        Assert.Equal("hit", head.Value("X-PROXY-CACHE"));
        Assert.Equal("miss", leaderHead!.Value("X-PROXY-CACHE"));
        Assert.EndsWith("data: [DONE]\n\n", (await leader.ReadBodyAsync(leaderHead)).Text, StringComparison.Ordinal);
        Assert.Contains("[DONE]", await ReadToMarkAsync(follower), StringComparison.Ordinal);
        Assert.Single(route.Requests);
    }

    [Fact]
    public async Task The_call_goes_on_when_who_made_it_leaves_and_others_wait()
    {
        using var mayGoOn = new SemaphoreSlim(0);
        var route = PausingStream(mayGoOn);
        var leader = await rig.ConnectAsync();
        await leader.SendAsync(rig.Head("GET", route.Path));
        await leader.ReadHeadAsync();
        await using var follower = await rig.ConnectAsync();
        await follower.SendAsync(rig.Head("GET", route.Path));
        var (head, _) = await follower.ReadHeadAsync();

        leader.Reset();
        await leader.DisposeAsync();
        mayGoOn.Release();

        Assert.Equal("data: 1\n\ndata: [DONE]\n\n", (await follower.ReadBodyAsync(head!)).Text);
        Assert.Single(route.Requests);

        var stored = await rig.GetAsync(route.Path);
        Assert.Equal("hit", stored.Head.Value("X-PROXY-CACHE"));
        Assert.Equal("data: 1\n\ndata: [DONE]\n\n", stored.Body.Text);
    }

    [Fact]
    public async Task The_call_ends_soon_when_everybody_has_left()
    {
        var route = rig.Upstream.Does(async exchange =>
        {
            await exchange.WriteAsync(StreamHead);
            await exchange.WriteAsync("9\r\ndata: 1\n\n\r\n");
            await exchange.WaitUntilGoneAsync();
        });
        var leader = await rig.ConnectAsync();
        await leader.SendAsync(rig.Head("GET", route.Path));
        await leader.ReadHeadAsync();

        var left = System.Diagnostics.Stopwatch.GetTimestamp();
        leader.Reset();
        await leader.DisposeAsync();

        var took = System.Diagnostics.Stopwatch.GetElapsedTime(left, await route.Request.Gone);
        Assert.True(took < TimeSpan.FromSeconds(1), $"The provider was left after {took}.");
    }

    [Fact]
    public async Task A_failed_call_releases_those_who_wait_to_try_themselves_one_at_a_time()
    {
        using var everybodyAsked = new SemaphoreSlim(0);
        var (running, most) = (0, 0);
        var route = rig.Upstream.Does(async exchange =>
        {
            most = Math.Max(most, Interlocked.Increment(ref running));
            await everybodyAsked.WaitAsync(Eventually.Patience);
            Interlocked.Decrement(ref running);
            await exchange.AnswerAsync(503, "no"u8.ToArray());
        });

        var answers = Enumerable.Range(0, 5).Select(_ => rig.Http.GetAsync(route.Path, Cancelled)).ToList();
        await Eventually.AnswersAsync(() => Task.FromResult(route.Requests.Count), static count => count > 0, "a call");
        everybodyAsked.Release(5);

        Assert.All(await Task.WhenAll(answers),
            static answer => Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode));
        Assert.Equal(5, route.Requests.Count);
        Assert.Equal(1, most);
    }

    [Fact]
    public async Task After_a_failed_call_the_next_answer_serves_all_who_wait()
    {
        using var everybodyAsked = new SemaphoreSlim(0);
        var calls = 0;
        var route = rig.Upstream.Does(async exchange =>
        {
            await everybodyAsked.WaitAsync(Eventually.Patience);

            // Twice, because the first one is asked again.
            if (Interlocked.Increment(ref calls) <= 2)
            {
                exchange.Reset();
                return;
            }

            await exchange.AnswerAsync(200, "now"u8.ToArray(), Fresh);
        });

        var answers = Enumerable.Range(0, 5).Select(_ => rig.Http.GetAsync(route.Path, Cancelled)).ToList();
        await Eventually.AnswersAsync(() => Task.FromResult(route.Requests.Count), static count => count > 0, "a call");
        everybodyAsked.Release(5);

        var statuses = (await Task.WhenAll(answers)).Select(static answer => answer.StatusCode).ToList();
        Assert.Single(statuses, HttpStatusCode.BadGateway);
        Assert.Equal(4, statuses.Count(static status => status == HttpStatusCode.OK));
        Assert.Equal(3, route.Requests.Count);
    }

    [Fact]
    public async Task Who_waits_for_what_is_for_another_one_only_is_answered_by_a_call_of_its_own()
    {
        using var everybodyAsked = new SemaphoreSlim(0);
        var calls = 0;
        var route = rig.Upstream.Does(async exchange =>
        {
            await everybodyAsked.WaitAsync(Eventually.Patience);
            var number = Interlocked.Increment(ref calls);
            await exchange.AnswerAsync(200, System.Text.Encoding.UTF8.GetBytes($"{number}"), "Cache-Control: private");
        });

        var answers = Enumerable.Range(0, 20).Select(_ => rig.Http.GetStringAsync(route.Path, Cancelled)).ToList();
        await Eventually.AnswersAsync(() => Task.FromResult(route.Requests.Count), static count => count > 0, "a call");
        everybodyAsked.Release(20);

        Assert.Equal(20, (await Task.WhenAll(answers)).Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public async Task What_was_invalidated_while_its_answer_was_on_the_way_is_not_stored()
    {
        using var changed = new SemaphoreSlim(0);
        var gets = 0;
        var route = rig.Upstream.Does(async exchange =>
        {
            if (exchange.Method == "GET" && Interlocked.Increment(ref gets) == 1)
            {
                await changed.WaitAsync(Eventually.Patience);
            }

            await exchange.AnswerAsync(200, "old"u8.ToArray(), Fresh);
        });

        await rig.Proxy.Management.SendAsync("POST", "/manage/cache/purge", """{"all":true}""");
        var reading = rig.GetAsync(route.Path);
        await Eventually.AnswersAsync(() => Task.FromResult(gets), static count => count > 0, "the first call");
        await rig.PostAsync(route.Path, "{}");
        changed.Release();
        await reading;

        await rig.GetAsync(route.Path);
        Assert.Equal(2, gets);
    }

    /// <summary>A stream that waits after its first event.</summary>
    private UpstreamRoute PausingStream(SemaphoreSlim mayGoOn) => rig.Upstream.Does(async exchange =>
    {
        await exchange.WriteAsync(StreamHead);
        await exchange.WriteAsync("9\r\ndata: 1\n\n\r\n");
        await mayGoOn.WaitAsync(Eventually.Patience);
        await exchange.WriteAsync("e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
    });

    private static async Task<string> ReadToMarkAsync(RawClient client)
    {
        var text = string.Empty;
        while (!text.Contains("[DONE]", StringComparison.Ordinal))
        {
            text += System.Text.Encoding.Latin1.GetString(await client.ReadSomeAsync());
        }

        return text;
    }
}
