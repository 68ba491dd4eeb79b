using LlmProxy.Dispatching.Redis;
using LlmProxy.Tests.Events.Redis;
using StackExchange.Redis;
using Xunit;
using Given = LlmProxy.Tests.Events.Redis.Given;

namespace LlmProxy.Tests.Dispatching.Redis;

public sealed class DeadLetterStreamTests(BusRedis redis) : IClassFixture<BusRedis>, IAsyncLifetime
{
    private static CancellationToken Aborted => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => await redis.Server.FlushAllDatabasesAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Lists_the_dead_with_their_reasons()
    {
        await using var consumer = await BuryAsync(5);
        var letters = LettersOf(consumer);

        var first = await letters.ListAsync(2, null, Aborted);
        var second = await letters.ListAsync(10, first![^1].Position, Aborted);

        Assert.Equal(5, await letters.CountAsync(Aborted));
        Assert.Equal(Given.Ids(1, 2), first.Select(static letter => letter.EventId), StringComparer.Ordinal);
        Assert.Equal(Given.Ids(3, 3), second!.Select(static letter => letter.EventId), StringComparer.Ordinal);
        Assert.Equal(("refused", 2, Given.Event(1).Json.Length),
            (first[0].Reason, first[0].Attempts, first[0].Bytes));
        Assert.NotNull(first[0].At);
    }

    [Fact]
    public async Task A_replay_brings_all_of_them_back_to_their_group_alone()
    {
        await using var consumer = await BuryAsync(55);
        await using var other = new ConsumerUnderTest(redis, group: "other-group");
        Assert.Equal(55, (await other.TakeAllAsync()).Count);

        var replay = await LettersOf(consumer).ReplayAsync(Aborted);

        Assert.Equal(new ReplayResult(55, IsWhole: true), replay);
        var again = await consumer.TakeAllAsync();
        Assert.Equal(Given.Ids(1, 55), ConsumerUnderTest.IdsOf(again), StringComparer.Ordinal);
        Assert.Equal(Given.Event(7).Json.ToArray(), again[6].Record.Json.ToArray());
        Assert.Empty(await other.PeekAsync());
        Assert.Equal(0, await LettersOf(consumer).CountAsync(Aborted));
    }

    [Fact]
    public async Task What_never_was_an_event_stays_among_the_dead()
    {
        await redis.Database.StreamAddAsync("test-events", [new("data", "{}")]);
        await using var consumer = await BuryAsync(3);

        Assert.Equal(new ReplayResult(3, IsWhole: true), await LettersOf(consumer).ReplayAsync(Aborted));
        Assert.Equal(1, await LettersOf(consumer).CountAsync(Aborted));
    }

    [Fact]
    public async Task A_replay_that_Redis_has_no_room_for_loses_nothing()
    {
        await using var consumer = await BuryAsync(30);
        await redis.Server.ConfigSetAsync("maxmemory", "1");

        var refused = await LettersOf(consumer).ReplayAsync(Aborted);
        await redis.Server.ConfigSetAsync("maxmemory", "0");

        Assert.Equal(new ReplayResult(0, IsWhole: false), refused);
        Assert.Equal(30, await LettersOf(consumer).CountAsync(Aborted));
    }

    [Fact]
    public async Task Only_about_so_many_are_kept()
    {
        await using var consumer = await BuryAsync(450);

        Assert.InRange((await LettersOf(consumer).CountAsync(Aborted))!.Value, 100, 200);
    }

    [Fact]
    public async Task Status_shows_groups_and_those_who_run_and_forgets_those_who_do_not()
    {
        await using var consumer = await BuryAsync(3);
        var clock = new ShiftedClock();
        var heartbeat = new Heartbeat(consumer.Link, consumer.Options.Stream, clock);
        await heartbeat.WriteAsync("file/old", 1, 1, null, Aborted);
        clock.Shift = TimeSpan.FromMinutes(61);
        await heartbeat.WriteAsync("file/new", 12_345, 99.99, "503", Aborted);
        await heartbeat.WriteAsync("file/gone", 1, 1, null, Aborted);
        await heartbeat.RemoveAsync("file/gone", Aborted);

        var status = await new DispatcherStatus(
            consumer.Link, consumer.Options.Stream, consumer.Measure, heartbeat).ReadAsync(Aborted);

        Assert.Equal(("test-group", 3), (status!.Groups.Single().Group, status.Groups.Single().Backlog.Dead));
        var (name, report) = status.Dispatchers.Single();
        Assert.Equal("file/new", name);
        Assert.Equal((12_345, 100.0, "503"), (report.Delivered, report.PerSecond, report.LastError));
        Assert.Equal(["file/new"], (await redis.Database.HashKeysAsync("test-events:dispatchers"))
            .Select(static field => field.ToString()), StringComparer.Ordinal);
    }

    [Fact]
    public async Task Status_of_an_empty_Redis_is_empty()
    {
        await using var consumer = new ConsumerUnderTest(redis);

        var status = await new DispatcherStatus(
            consumer.Link, consumer.Options.Stream, consumer.Measure,
            new Heartbeat(consumer.Link, consumer.Options.Stream, TimeProvider.System)).ReadAsync(Aborted);

        Assert.Empty(status!.Groups);
        Assert.Empty(status.Dispatchers);
    }

    private static DeadLetterStream LettersOf(ConsumerUnderTest consumer) =>
        new(consumer.Link, consumer.Options.Stream, consumer.Options.Group);

    private async Task<ConsumerUnderTest> BuryAsync(int count)
    {
        await redis.AddAsync(1, count);
        var consumer = new ConsumerUnderTest(redis);
        foreach (var delivery in await consumer.TakeAllAsync())
        {
            Assert.True(await consumer.Source.BuryAsync(delivery, "refused", 2, Aborted));
        }

        return consumer;
    }

    private sealed class ShiftedClock : TimeProvider
    {
        public TimeSpan Shift { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Shift;
    }
}
