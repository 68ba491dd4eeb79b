using System.Diagnostics;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Configuration;

/// <summary>
/// Draining: first nobody new is sent here, then nobody is let in, then what runs may end, for so long.
/// </summary>
public sealed class DrainTests : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private readonly RawUpstream _upstream = new();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _upstream.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task In_the_delay_it_is_not_ready_but_serves_whoever_comes()
    {
        await using var proxy = await StartAsync("1m", "1m");
        var route = _upstream.Answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        var token = await proxy.Management.CreateTokenAsync();
        var before = (await ReadyAsync(proxy)).Status;

        await proxy.Process.TerminateAsync();
        var during = await Eventually.AnswersAsync(
            () => ReadyAsync(proxy), static answer => answer.Status == 503, "it was not ready any more");
        var served = await proxy.GetAsync(route.Path, token.Secret);

        Assert.Equal(200, before);
        Assert.Equal(503, during.Status);
        Assert.Equal(200, served.Status);
        Assert.False(proxy.Process.HasExited);
    }

    [Fact]
    public async Task A_second_signal_ends_it_at_once()
    {
        await using var proxy = await StartAsync("1m", "1m");
        await proxy.Process.TerminateAsync();
        await Eventually.AnswersAsync(
            () => ReadyAsync(proxy), static answer => answer.Status == 503, "it was not ready any more");

        await proxy.Process.TerminateAsync();

        Assert.NotEqual(0, (await proxy.Process.EndAsync(TimeSpan.FromSeconds(3))).ExitCode);
    }

    [Fact]
    public async Task Ctrl_C_does_not_wait_for_a_load_balancer()
    {
        await using var proxy = await StartAsync("1m", "1m");

        await proxy.Process.InterruptAsync();

        Assert.Equal(0, (await proxy.Process.EndAsync(TimeSpan.FromSeconds(5))).ExitCode);
    }

    [Fact]
    public async Task What_runs_longer_than_it_may_is_cut_and_never_looks_complete()
    {
        await using var proxy = await StartAsync("0s", "1s");
        var route = _upstream.Does(static async exchange =>
        {
            await exchange.WriteAsync(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "a\r\ndata: 1\n\n\n\r\n");
            await exchange.Gone;
        });
        var token = await proxy.Management.CreateTokenAsync();
        await using var client = await RawClient.ConnectAsync(proxy.Address);
        await client.SendAsync(proxy.Head("GET", route.Path, token.Secret));
        var (head, _) = await client.ReadHeadAsync();

        var clock = Stopwatch.StartNew();
        await proxy.Process.TerminateAsync();
        var body = await client.ReadBodyAsync(head!);
        var ended = await proxy.Process.EndAsync();

        Assert.False(body.IsComplete);
        Assert.InRange(clock.Elapsed.TotalSeconds, 0.9, 10);
        Assert.Equal(0, ended.ExitCode);
    }

    [Fact]
    public async Task Under_load_no_request_that_was_begun_is_lost()
    {
        await using var proxy = await StartAsync("500ms", "1m");
        using var release = new SemaphoreSlim(0);
        var stream = _upstream.Does(async exchange =>
        {
            await exchange.ReadBodyAsync();
            await exchange.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst");
            Assert.True(await release.WaitAsync(Eventually.Patience));
            await exchange.WriteAsync(" last");
        });
        var quick = _upstream.Answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        var token = await proxy.Management.CreateTokenAsync();
        var streams = Enumerable.Range(0, 50)
            .Select(i => proxy.GetAsync($"{stream.Path}?{i}", token.Secret)).ToList();
        await Eventually.HoldsAsync(() => stream.Requests.Count == 50, "all streams ran");

        await proxy.Process.TerminateAsync();
        var answers = new List<RawAnswer>();
        for (var i = 0; i < 50; i++)
        {
            answers.Add(await proxy.GetAsync($"{quick.Path}?{i}", token.Secret));
        }

        release.Release(50);
        var streamed = await Task.WhenAll(streams);
        var ended = await proxy.Process.EndAsync();

        Assert.All(answers, static answer => Assert.Equal(200, answer.Status));
        Assert.All(streamed, static answer => Assert.Equal("first last", answer.Body.Text));
        Assert.Equal(0, ended.ExitCode);
    }

    private Task<ProxyProcess> StartAsync(string delay, string timeout) => ProxyProcess.StartAsync(
        _folder, new ProxySetup
        {
            ProviderYaml = ProviderYaml.For(_upstream.Address),
            Settings = [("DRAIN_DELAY", delay), ("DRAIN_TIMEOUT", timeout)],
        });

    private static async Task<RawAnswer> ReadyAsync(ProxyProcess proxy) =>
        (await proxy.AskAsync($"GET /ready HTTP/1.1\r\nHost: {proxy.Address.Authority}\r\n\r\n"))!;
}
