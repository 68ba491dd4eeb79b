using System.Globalization;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Events;

/// <summary>
/// What is killed comes back, and then every exchange is at the sink. A run tells its figures in the test's output.
/// </summary>
public sealed class BusCrashTests
{
    private const int DispatcherKills = 50;
    private const int RedisKills = 20;
    private const int PerSecond = 200;
    private const int BatchSize = 25;

    private static readonly TimeSpan LagBound = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task A_file_has_each_event_once_however_often_its_dispatcher_is_killed()
    {
        await using var rig = await BusRig.StartAsync();
        var log = new EventLog(rig.Folder.File("events.jsonl"));
        var setup = new DispatcherSetup("file", log.Path) { Flags = ["--batch-size", $"{BatchSize}"] };
        await using var load = SteadyLoad.On(rig, PerSecond);

        await KillAgainAndAgainAsync(rig, setup, () => log.Count);
        await using var last = DispatcherProcess.Begin(rig.Redis, rig.Folder, setup);
        var answered = await load.EndAsync();
        await rig.LagEndsAsync("file", LagBound);

        Tell($"{DispatcherKills} kills of the dispatcher, {answered.Count} exchanges, {log.Count} lines");
        AssertEachOnce(answered, log.Read());
        Assert.Equal(new GroupState(0, 0, Dead: 0, TrimmedUnread: 0), await rig.StateAsync("file"));
    }

    [Fact]
    public async Task A_webhook_gets_a_batch_again_at_most_when_its_dispatcher_is_killed()
    {
        await using var rig = await BusRig.StartAsync();
        await using var receiver = new WebhookReceiver();
        var setup = new DispatcherSetup("webhook", receiver.Endpoint) { Flags = ["--batch-size", $"{BatchSize}"] };
        await using var load = SteadyLoad.On(rig, PerSecond);

        await KillAgainAndAgainAsync(rig, setup, () => receiver.Count);
        await using var last = DispatcherProcess.Begin(rig.Redis, rig.Folder, setup);
        var answered = await load.EndAsync();
        await rig.LagEndsAsync("webhook", LagBound);

        var accepted = receiver.Accepted;
        var once = accepted.DistinctBy(static logged => logged.EventId, StringComparer.Ordinal).ToList();
        var repeated = accepted.Count - once.Count;
        Tell($"{DispatcherKills} kills of the dispatcher, {answered.Count} exchanges, {repeated} repetitions");
        AssertEachOnce(answered, once);
        Assert.InRange(repeated, 0, DispatcherKills * BatchSize);
        Assert.Equal(new GroupState(0, 0, Dead: 0, TrimmedUnread: 0), await rig.StateAsync("webhook"));
    }

    [Fact]
    public async Task A_file_has_each_event_once_however_often_Redis_is_killed_and_no_request_fails()
    {
        await using var rig = await BusRig.StartAsync();
        var log = new EventLog(rig.Folder.File("events.jsonl"));
        await using var dispatcher = await DispatcherProcess.StartAsync(
            rig.Redis, rig.Folder, new DispatcherSetup("file", log.Path));
        var dice = Dice.Throw();
        await using var load = SteadyLoad.On(rig, PerSecond);

        for (var kill = 0; kill < RedisKills; kill++)
        {
            // Not before something has come through again, and then at any moment.
            var next = log.Count + 1 + dice.Below(PerSecond / 2);
            await Eventually.HoldsAsync(() => log.Count >= next, $"events came through after kill {kill}");
            await rig.Redis.KillAsync();
            await rig.Redis.StartAsync();
        }

        var answered = await load.EndAsync();
        await Eventually.HoldsAsync(() => log.Count >= answered.Count, "every event came through", LagBound);
        await rig.LagEndsAsync("file", LagBound);

        Tell($"{RedisKills} kills of Redis, {answered.Count} exchanges, {log.Count} lines");
        AssertEachOnce(answered, log.Read());
        Assert.DoesNotContain("has lost", rig.Proxy.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_Redis_the_proxy_starts_and_serves_and_delivers_when_it_comes()
    {
        await using var rig = await BusRig.StartAsync(RedisProcess.Prepare());
        var log = new EventLog(rig.Folder.File("events.jsonl"));
        await using var dispatcher = await DispatcherProcess.StartAsync(
            rig.Redis, rig.Folder, new DispatcherSetup("file", log.Path));
        var asked = await rig.AskAsync(500);
        var spool = rig.Folder.File("llm-proxy.db.events");
        await Eventually.HoldsAsync(
            () => new FileInfo(spool) is { Exists: true, Length: > 100_000 }, "events were spooled");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(spool));

        await rig.Redis.StartAsync();
        await log.WithAsync(asked.Count);

        Assert.Equal(asked, log.Read().Select(static logged => logged.RequestId), StringComparer.Ordinal);
        Assert.Contains("is back", rig.Proxy.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_proxy_could_not_send_before_it_stopped_the_next_one_sends()
    {
        await using var rig = await BusRig.StartAsync(RedisProcess.Prepare());
        var asked = await rig.AskAsync(300);
        Assert.Equal(0, (await rig.Proxy.StopAsync()).ExitCode);
        await rig.Proxy.DisposeAsync();

        await rig.Redis.StartAsync();
        await rig.StartProxyAsync();
        var log = new EventLog(rig.Folder.File("events.jsonl"));
        await using var dispatcher = await DispatcherProcess.StartAsync(
            rig.Redis, rig.Folder, new DispatcherSetup("file", log.Path));
        var later = await rig.AskAsync(10);
        await log.WithAsync(asked.Count + later.Count);

        Assert.Equal(
            [.. asked, .. later], log.Read().Select(static logged => logged.RequestId), StringComparer.Ordinal);
    }

    /// <summary>Each time at another moment after something was delivered; the next one is started at once.</summary>
    private static async Task KillAgainAndAgainAsync(BusRig rig, DispatcherSetup setup, Func<int> delivered)
    {
        var dice = Dice.Throw();
        for (var kill = 0; kill < DispatcherKills; kill++)
        {
            var next = delivered() + 1 + dice.Below(2 * BatchSize);
            await using var dispatcher = DispatcherProcess.Begin(rig.Redis, rig.Folder, setup);
            await Eventually.HoldsAsync(
                () => delivered() >= next || dispatcher.Process.HasExited, $"events were delivered after kill {kill}");
            Assert.False(dispatcher.Process.HasExited, dispatcher.Log);
            await dispatcher.Process.KillAsync();
        }
    }

    private static void AssertEachOnce(IReadOnlyCollection<string> answered, IReadOnlyList<LoggedEvent> logged)
    {
        var ids = logged.Select(static one => one.RequestId).ToList();
        Assert.Empty(answered.Except(ids, StringComparer.Ordinal));
        Assert.Empty(ids.Except(answered, StringComparer.Ordinal));
        Assert.Equal(answered.Count, ids.Count);
        Assert.Equal(ids.Count, logged.Select(static one => one.EventId).Distinct(StringComparer.Ordinal).Count());
    }

    private static void Tell(FormattableString figures) =>
        TestContext.Current.TestOutputHelper?.WriteLine(figures.ToString(CultureInfo.InvariantCulture));
}
