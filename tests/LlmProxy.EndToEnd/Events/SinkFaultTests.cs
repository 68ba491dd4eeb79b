using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Events;

/// <summary>A sink that fails in whatever way gets everything later, and once.</summary>
public sealed class SinkFaultTests : IAsyncLifetime
{
    private readonly WebhookReceiver _receiver = new();
    private BusRig _rig = null!;

    public async ValueTask InitializeAsync() => _rig = await BusRig.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await (_rig?.DisposeAsync() ?? ValueTask.CompletedTask);
        await _receiver.DisposeAsync();
    }

    [Theory]
    [InlineData("hangs")]
    [InlineData("answers 500")]
    [InlineData("answers 429")]
    [InlineData("closes")]
    [InlineData("answers at 100 bytes a second")]
    public async Task A_sink_that_fails_for_a_while_gets_everything_when_it_has_recovered(string how)
    {
        var isWell = false;
        _receiver.Behaviour = (_, answer) => (isWell, how) switch
        {
            (true, _) => answer.AcceptAsync(),
            (_, "hangs") => answer.HangAsync(),
            (_, "answers 500") => answer.RefuseAsync(500),
            (_, "answers 429") => answer.RefuseAsync(429, "Retry-After: 1"),
            (_, "closes") => answer.CloseAsync(),
            _ => answer.AcceptSlowlyAsync(100),
        };
        await using var dispatcher = await StartAsync();

        var asked = await _rig.AskAsync(250);
        await Eventually.HoldsAsync(() => _receiver.Requests >= 2, "it was tried again", TimeSpan.FromSeconds(40));
        asked = [.. asked, .. await _rig.AskAsync(50)];
        isWell = true;
        await _receiver.HasAsync(asked, TimeSpan.FromSeconds(40));
        await _rig.LagEndsAsync("webhook", Eventually.Patience);

        var accepted = _receiver.Accepted;
        Assert.Equal(asked.Order(StringComparer.Ordinal),
            accepted.Select(static one => one.RequestId).Order(StringComparer.Ordinal));
        Assert.Equal(0, (await _rig.StateAsync("webhook"))?.Dead);
    }

    private Task<DispatcherProcess> StartAsync() => DispatcherProcess.StartAsync(
        _rig.Redis, _rig.Folder, new DispatcherSetup("webhook", _receiver.Endpoint));
}
