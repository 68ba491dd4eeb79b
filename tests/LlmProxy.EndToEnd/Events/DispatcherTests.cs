using System.Globalization;
using System.Text.RegularExpressions;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Events;

/// <summary>A dispatcher as its operator knows it: how it stands, how it ends, and what Redis must be like.</summary>
public sealed partial class DispatcherTests : IAsyncLifetime
{
    private readonly WebhookReceiver _receiver = new();
    private BusRig _rig = null!;

    public async ValueTask InitializeAsync() => _rig = await BusRig.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await (_rig?.DisposeAsync() ?? ValueTask.CompletedTask);
        await _receiver.DisposeAsync();
    }

    /// <summary>Nobody takes over before ten minutes are up, so what the second one gets was handed to it.</summary>
    [Fact]
    public async Task A_SIGTERM_lets_it_finish_the_batch_in_hand_and_hand_back_the_rest()
    {
        using var release = new SemaphoreSlim(0);
        var first = new List<WebhookDelivery>();
        _receiver.Behaviour = async (delivery, answer) =>
        {
            first.Add(delivery);
            await release.WaitAsync(Eventually.Patience);
            await answer.AcceptAsync();
        };
        await using var second = new WebhookReceiver();
        var asked = await _rig.AskAsync(60);
        await using var dispatcher = await StartAsync(_receiver);
        await Eventually.HoldsAsync(() => first.Count == 1, "it has a batch in hand");

        await dispatcher.Process.TerminateAsync();
        await using var successor = await StartAsync(second);
        release.Release();
        var ended = await dispatcher.Process.EndAsync();
        await second.HasAsync(
            asked.Except(first[0].Events.Select(static one => one.RequestId), StringComparer.Ordinal));

        Assert.Equal(0, ended.ExitCode);
        Assert.Equal((1, 20), (first.Count, _receiver.Count));
        Assert.Equal(40, second.Count);
        await _rig.LagEndsAsync("webhook", Eventually.Patience);
    }

    [Fact]
    public async Task A_batch_that_the_sink_holds_up_does_not_hold_up_the_end_for_ever()
    {
        _receiver.Behaviour = static (_, answer) => answer.HangAsync();
        var asked = await _rig.AskAsync(20);
        await using var dispatcher = await StartAsync(_receiver);
        await Eventually.HoldsAsync(() => _receiver.Requests == 1, "it has a batch in hand");

        var ended = await dispatcher.StopAsync();
        await using var second = new WebhookReceiver();
        await using var successor = await StartAsync(second);
        await second.HasAsync(asked);

        Assert.Equal(0, ended.ExitCode);
    }

    [Fact]
    public async Task Status_tells_what_waits_what_is_dead_and_who_delivers()
    {
        var poison = (await _rig.AskAsync(1))[0];
        var isWell = true;
        _receiver.Behaviour = (delivery, answer) => delivery.Has(poison) ? answer.RefuseAsync(400)
            : isWell ? answer.AcceptAsync() : answer.RefuseAsync(503);
        var before = await DispatcherProcess.RunAsync(_rig.Redis, _rig.Folder, "status");
        await using var dispatcher = await StartAsync(_receiver);
        await _receiver.HasAsync(await _rig.AskAsync(10));
        await Eventually.AnswersAsync(StateAsync, static state => state?.Dead == 1, "one was set aside");
        isWell = false;
        await _rig.AskAsync(7);

        await Eventually.AnswersAsync(
            () => DispatcherProcess.StatusAsync(_rig.Redis, _rig.Folder),
            static status => status.GetProperty("dispatchers").EnumerateArray().Any(
                static one => one.GetProperty("last_fault").GetString() == "HTTP 503"),
            "its dispatcher told why");
        var state = await StateAsync();
        var table = await DispatcherProcess.RunAsync(_rig.Redis, _rig.Folder, "status");

        Assert.Contains("No dispatcher has ever read this stream", before.Errors, StringComparison.Ordinal);
        Assert.Equal((7, 1, 0), (state?.Lag, state?.Dead, state?.TrimmedUnread));
        Assert.Equal(0, table.ExitCode);
        Assert.Matches(@"llm-proxy-webhook\W+0\W+7\W+(\d+ s|-)\W+1\W+0", table.Output);
        Assert.Matches(@"webhook/\S+\W+10\W.*HTTP 503", table.Output);

        Task<GroupState?> StateAsync() => _rig.StateAsync("webhook");
    }

    [Fact]
    public async Task Status_and_replay_say_that_Redis_is_away()
    {
        await _rig.Redis.KillAsync();

        var status = await DispatcherProcess.RunAsync(_rig.Redis, _rig.Folder, "status", "--json");
        var replay = await DispatcherProcess.RunAsync(_rig.Redis, _rig.Folder, "replay", "--service", "file");

        Assert.Equal((2, 2), (status.ExitCode, replay.ExitCode));
        Assert.Contains("Redis", status.Errors, StringComparison.Ordinal);
        Assert.Contains("Redis", replay.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_and_metrics_are_answered_where_addr_says()
    {
        var isWell = true;
        _receiver.Behaviour = (_, answer) => isWell ? answer.AcceptAsync() : answer.RefuseAsync(503);
        await using var dispatcher = await StartAsync(_receiver, "--addr", "127.0.0.1:0");
        var address = await AddressOfAsync(dispatcher);
        await _receiver.HasAsync(await _rig.AskAsync(10));

        var health = await Eventually.AnswersAsync(
            () => GetAsync(address, "/health"),
            static answer => answer.Body.Text.Contains("\"lag\":0", StringComparison.Ordinal), "the lag was 0");
        var metrics = await GetAsync(address, "/metrics");
        isWell = false;
        await _rig.AskAsync(3);
        var sick = await Eventually.AnswersAsync(
            () => GetAsync(address, "/health"), static answer => answer.Status == 503, "it was not well");
        var sickMetrics = await GetAsync(address, "/metrics");
        await _rig.Redis.KillAsync();
        var cut = await Eventually.AnswersAsync(
            () => GetAsync(address, "/health"),
            static answer => answer.Body.Text.Contains("bus_away", StringComparison.Ordinal), "it missed Redis");

        Assert.Equal((200, "application/json"), (health.Status, health.Head.Value("Content-Type")));
        Assert.Contains("\"status\":\"ok\",\"service\":\"webhook\",\"delivered\":10", health.Body.Text,
            StringComparison.Ordinal);
        Assert.StartsWith("text/plain; version=0.0.4", metrics.Head.Value("Content-Type"), StringComparison.Ordinal);
        AssertMetrics(metrics.Body.Text, ("delivered_total", 10), ("lag", 0), ("sink_up", 1), ("bus_up", 1));
        Assert.Contains("\"last_fault\":\"HTTP 503\"", sick.Body.Text, StringComparison.Ordinal);
        AssertMetrics(sickMetrics.Body.Text, ("delivered_total", 10), ("lag", 3), ("sink_up", 0), ("bus_up", 1));
        Assert.Equal(503, cut.Status);
        Assert.Equal(404, (await GetAsync(address, "/")).Status);
    }

    [Fact]
    public async Task Without_addr_it_listens_nowhere()
    {
        await using var dispatcher = await StartAsync(_receiver);

        var sockets = await File.ReadAllLinesAsync(
            $"/proc/{dispatcher.Process.Id}/net/tcp", TestContext.Current.CancellationToken);
        var own = Directory.EnumerateFiles($"/proc/{dispatcher.Process.Id}/fd")
            .Select(static file => File.ResolveLinkTarget(file, returnFinalTarget: false)?.Name ?? string.Empty)
            .ToHashSet(StringComparer.Ordinal);

        // State 0A is LISTEN; the tenth field is the socket's inode (Linux, Documentation/networking/proc_net_tcp.rst).
        Assert.DoesNotContain(
            sockets.Skip(1).Select(static line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)),
            fields => fields[3] == "0A" && own.Contains($"socket:[{fields[9]}]"));
    }

    [Fact]
    public async Task Two_services_each_get_everything_and_two_of_one_service_share_it()
    {
        await using var second = new WebhookReceiver();
        var log = new EventLog(_rig.Folder.File("events.jsonl"));
        await using var file = await DispatcherProcess.StartAsync(
            _rig.Redis, _rig.Folder, new DispatcherSetup("file", log.Path));
        await using var one = await StartAsync(_receiver);
        await using var other = await StartAsync(second);

        var asked = await _rig.AskAsync(300);
        await log.WithAsync(asked.Count);
        await _rig.LagEndsAsync("webhook", Eventually.Patience);

        Assert.Equal(asked, log.Read().Select(static logged => logged.RequestId), StringComparer.Ordinal);
        Assert.Equal(asked.Order(StringComparer.Ordinal),
            _receiver.Accepted.Concat(second.Accepted)
                .Select(static logged => logged.RequestId).Order(StringComparer.Ordinal));
        Assert.True(_receiver.Count > 0 && second.Count > 0);
    }

    private Task<DispatcherProcess> StartAsync(WebhookReceiver receiver, params string[] flags) =>
        DispatcherProcess.StartAsync(_rig.Redis, _rig.Folder, new DispatcherSetup("webhook", receiver.Endpoint)
        {
            Flags = ["--batch-size", "20", .. flags],
            Settings = [("REDIS_STREAM_CLAIM_TIME", "10m")],
        });

    private static async Task<Uri> AddressOfAsync(DispatcherProcess dispatcher)
    {
        var said = await Eventually.AnswersAsync(
            () => Task.FromResult(dispatcher.Log), static said => Address().IsMatch(said), "it told its address");
        return new Uri(Address().Match(said).Value);
    }

    private static async Task<RawAnswer> GetAsync(Uri address, string path)
    {
        await using var client = await RawClient.ConnectAsync(address);
        await client.SendAsync($"GET {path} HTTP/1.1\r\nHost: {address.Authority}\r\n\r\n");
        var answer = await client.ReadAnswerAsync();
        Assert.NotNull(answer);
        return answer;
    }

    private static void AssertMetrics(string exposition, params (string Name, int Value)[] expected) =>
        Assert.All(expected, metric => Assert.Contains(
            string.Create(
                CultureInfo.InvariantCulture,
                $"llm_proxy_dispatcher_{metric.Name}{{service=\"webhook\"}} {metric.Value}\n"),
            exposition, StringComparison.Ordinal));

    [GeneratedRegex(@"http://127\.0\.0\.1:\d+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Address();
}
