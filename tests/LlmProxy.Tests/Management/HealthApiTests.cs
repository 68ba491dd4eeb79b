using System.Net;
using LlmProxy.Management;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LlmProxy.Tests.Management;

public sealed class HealthApiTests
{
    [Fact]
    public async Task Health_tells_status_time_and_version_to_anybody()
    {
        await using var server = await ManagementServer.StartAsync();

        var health = await server.Caller(token: null).AskAsync("GET", "/health");

        Assert.Equal(HttpStatusCode.OK, health.Status);
        Assert.Equal(
            $$"""{"status":"ok","timestamp":"2026-01-31T12:00:00Z","version":"{{HealthApi.Version}}"}""", health.Text);
    }

    [Fact]
    public async Task Live_does_not_ask_the_store()
    {
        await using var server = await ManagementServer.StartAsync(Fails);

        var live = await server.Caller(token: null).AskAsync("GET", "/live");

        Assert.Equal((HttpStatusCode.OK, "alive"), (live.Status, live.Text));
    }

    [Fact]
    public async Task Ready_is_ready_when_the_store_answers()
    {
        await using var server = await ManagementServer.StartAsync();

        var ready = await server.Caller(token: null).AskAsync("GET", "/ready");

        Assert.Equal((HttpStatusCode.OK, "ready"), (ready.Status, ready.Text));
    }

    [Fact]
    public async Task Ready_is_not_ready_when_the_store_fails()
    {
        await using var server = await ManagementServer.StartAsync(Fails);

        var ready = await server.Caller(token: null).AskAsync("GET", "/ready");

        Assert.Equal((HttpStatusCode.ServiceUnavailable, "not ready"), (ready.Status, ready.Text));
    }

    [Fact]
    public async Task Ready_is_not_ready_when_the_store_hangs_beyond_the_deadline()
    {
        var wasAsked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = await ManagementServer.StartAsync(askStore: (_, _) =>
        {
            wasAsked.SetResult();
            return new TaskCompletionSource().Task;
        });

        var answer = server.Caller(token: null).AskAsync("GET", "/ready");
        await wasAsked.Task;
        server.Clock.Advance(Readiness.Deadline);
        var ready = await answer;

        Assert.Equal((HttpStatusCode.ServiceUnavailable, "not ready"), (ready.Status, ready.Text));
    }

    [Fact]
    public async Task Ready_is_not_ready_while_the_server_drains()
    {
        await using var server = await ManagementServer.StartAsync();

        server.Services.GetRequiredService<Readiness>().IsDraining = true;
        var ready = await server.Caller(token: null).AskAsync("GET", "/ready");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.Status);
    }

    [Fact]
    public async Task Ready_asks_the_store_once_a_second_however_often_it_is_asked()
    {
        var asked = 0;
        await using var server = await ManagementServer.StartAsync(askStore: (_, _) =>
        {
            Interlocked.Increment(ref asked);
            return Task.CompletedTask;
        });
        var prober = server.Caller(token: null);

        await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => prober.AskAsync("GET", "/ready")));
        server.Clock.Advance(TimeSpan.FromSeconds(1));
        await prober.AskAsync("GET", "/ready");

        Assert.Equal(2, asked);
    }

    [Theory]
    [InlineData("/health")]
    [InlineData("/live")]
    [InlineData("/ready")]
    public async Task Probes_can_be_read_and_nothing_else(string path)
    {
        await using var server = await ManagementServer.StartAsync();
        var prober = server.Caller(token: null);

        var head = await prober.AskAsync("HEAD", path);
        var posted = await prober.AskAsync("POST", path);

        Assert.Equal((HttpStatusCode.OK, ""), (head.Status, head.Text));
        Assert.Equal("405 method_not_allowed", posted.Problem);
        Assert.Equal("GET, HEAD", string.Join(", ", posted.Content.Allow));
    }

    private static Task Fails(IServiceProvider services, CancellationToken aborted) =>
        Task.FromException(new IOException());
}
