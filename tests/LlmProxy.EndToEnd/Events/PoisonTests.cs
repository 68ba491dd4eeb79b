using System.Diagnostics;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Events;

/// <summary>A sink that is at fault is told from an event that is: only the event is set aside.</summary>
public sealed class PoisonTests : IAsyncLifetime
{
    private readonly WebhookReceiver _receiver = new();
    private BusRig _rig = null!;

    public async ValueTask InitializeAsync() => _rig = await BusRig.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await (_rig?.DisposeAsync() ?? ValueTask.CompletedTask);
        await _receiver.DisposeAsync();
    }

    [Fact]
    public async Task A_sink_is_not_asked_again_before_it_wants_to_be()
    {
        var times = new List<long>();
        _receiver.Behaviour = (_, answer) =>
        {
            times.Add(Stopwatch.GetTimestamp());
            return times.Count == 1 ? answer.RefuseAsync(429, "Retry-After: 4") : answer.AcceptAsync();
        };
        await using var dispatcher = await StartAsync();

        await _receiver.HasAsync(await _rig.AskAsync(20));

        var waited = Stopwatch.GetElapsedTime(times[0], times[1]);
        Assert.InRange(waited, TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(10));
    }

    /// <summary>
    /// Refused for good, it is set aside at once; failed, only after others have got through many times.
    /// </summary>
    [Theory]
    [InlineData(400, "HTTP 400")]
    [InlineData(500, "HTTP 500")]
    public async Task An_event_that_the_sink_never_takes_is_set_aside_with_its_reason_and_all_others_arrive(
        int status, string reason)
    {
        var poison = (await _rig.AskAsync(1))[0];
        var isWell = false;
        _receiver.Behaviour = (delivery, answer) =>
            delivery.Has(poison) && !isWell ? answer.RefuseAsync(status) : answer.AcceptAsync();
        var asked = await _rig.AskAsync(100);
        await using var dispatcher = await StartAsync();
        await using var load = SteadyLoad.On(_rig, 50);

        await Eventually.AnswersAsync(
            () => _rig.StateAsync("webhook"), static state => state?.Dead == 1, "it was set aside",
            TimeSpan.FromSeconds(40));
        asked = [.. asked, .. await load.EndAsync()];
        await _receiver.HasAsync(asked);
        await _rig.LagEndsAsync("webhook", Eventually.Patience);

        Assert.Equal(asked.Count, _receiver.Count);
        Assert.Contains(reason, dispatcher.Log, StringComparison.Ordinal);
        Assert.Contains(reason, await _rig.Redis.AskAsync("XRANGE llm-proxy-events:dead:llm-proxy-webhook - +"),
            StringComparison.Ordinal);

        isWell = true;
        await AssertReplayAsync(poison);
    }

    /// <summary>A sink that takes nothing at all is at fault itself: no event is given up for that.</summary>
    [Fact]
    public async Task Nothing_is_set_aside_while_the_sink_takes_nothing()
    {
        var isWell = false;
        _receiver.Behaviour = (_, answer) => isWell ? answer.AcceptAsync() : answer.RefuseAsync(503);
        await using var dispatcher = await StartAsync();
        var asked = await _rig.AskAsync(10);

        await Eventually.HoldsAsync(() => _receiver.Requests >= 4, "it was tried four times", TimeSpan.FromSeconds(40));
        Assert.Equal(new GroupState(0, 10, 0, 0), await _rig.StateAsync("webhook"));
        isWell = true;
        await _receiver.HasAsync(asked, TimeSpan.FromSeconds(40));

        Assert.Equal(10, _receiver.Count);
    }

    private Task<DispatcherProcess> StartAsync() => DispatcherProcess.StartAsync(
        _rig.Redis, _rig.Folder, new DispatcherSetup("webhook", _receiver.Endpoint));

    private async Task AssertReplayAsync(string poison)
    {
        var log = new EventLog(_rig.Folder.File("events.jsonl"));
        await using var other = await DispatcherProcess.StartAsync(
            _rig.Redis, _rig.Folder, new DispatcherSetup("file", log.Path));
        await Eventually.HoldsAsync(() => log.Count == _receiver.Count + 1, "the other service has everything");

        var replayed = await DispatcherProcess.RunAsync(_rig.Redis, _rig.Folder, "replay", "--service", "webhook");
        await _receiver.HasAsync([poison]);
        var later = await _rig.AskAsync(1);
        await log.OfAsync(later[0]);
        await _rig.LagEndsAsync("file", Eventually.Patience);

        Assert.Equal(0, replayed.ExitCode);
        Assert.Contains("1 events of llm-proxy-webhook", replayed.Output, StringComparison.Ordinal);
        Assert.Single(log.Read(), logged => logged.RequestId == poison);
        Assert.Equal(0, (await _rig.StateAsync("webhook"))?.Dead);
    }
}
