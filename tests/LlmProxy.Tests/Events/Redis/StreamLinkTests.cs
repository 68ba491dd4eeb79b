using LlmProxy.Events.Redis;
using LlmProxy.Storage;
using Xunit;

namespace LlmProxy.Tests.Events.Redis;

public sealed class StreamLinkTests(BusRedis redis) : IClassFixture<BusRedis>
{
    private static CancellationToken Aborted => TestContext.Current.CancellationToken;

    private readonly LogLines<StreamLink> _log = new();

    [Fact]
    public async Task A_host_that_nobody_knows_is_away()
    {
        var address = RedisAddress.FromParts("no-such-host.invalid:6379", null, null, 0, hasTls: false)!;
        await using var link = new StreamLink(address, "events wait", TimeProvider.System, _log);

        var answer = await link.AskAsync(0, static (database, _) => database.PingAsync(), Aborted);

        Assert.False(answer.Came);
        Assert.Equal(
            "Redis of the event bus at no-such-host.invalid:6379 is away (no connection); events wait",
            Assert.Single(_log.All));
    }

    [Fact]
    public async Task A_refusal_is_one_word_that_holds_nothing_of_what_was_sent()
    {
        await using var link = Link();

        var unknown = await link.AskAsync(
            0, static (database, _) => database.ExecuteAsync("CANARY", "canary"), Aborted);
        var wrong = await link.RunAsync("return redis.call('GET')", [], [], Aborted);
        var own = await link.RunAsync("return redis.error_reply('CANARY canary')", [], [], Aborted);

        Assert.Equal(
            ["UnknownCommand", "UnknownCommand", "CANARY"], [unknown.Refusal, wrong.Refusal, own.Refusal],
            StringComparer.Ordinal);
        Assert.Empty(_log.All);
    }

    [Fact]
    public async Task What_is_refused_again_and_again_is_said_once()
    {
        await using var link = Link();

        link.Note("a replay", "OOM");
        link.Note("a replay", "OOM");
        link.Note("a claim", "OOM");
        link.Note("a replay", null);
        link.Note("a replay", "OOM");

        Assert.Equal(3, _log.All.Count);
        Assert.EndsWith("refused a replay: OOM", _log.All.First(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wait_can_be_given_up()
    {
        await using var link = Link();
        await link.AskAsync(0, static (database, _) => database.PingAsync(), Aborted);
        using var stop = new CancellationTokenSource();

        var ask = link.AskAsync(0, static (_, _) => new TaskCompletionSource<int>().Task, stop.Token);
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ask);
        Assert.True(link.IsUp);
    }

    private StreamLink Link() => new(redis.Stream().Address, "events wait", TimeProvider.System, _log);
}
