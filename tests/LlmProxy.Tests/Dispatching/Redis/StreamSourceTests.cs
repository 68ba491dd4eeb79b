using System.Text;
using LlmProxy.Dispatching;
using LlmProxy.Tests.Caching.Redis;
using LlmProxy.Tests.Events.Redis;
using StackExchange.Redis;
using Xunit;
using Given = LlmProxy.Tests.Events.Redis.Given;

namespace LlmProxy.Tests.Dispatching.Redis;

public sealed class StreamSourceTests(BusRedis redis) : IClassFixture<BusRedis>, IAsyncLifetime
{
    private static CancellationToken Aborted => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => await redis.Server.FlushAllDatabasesAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task The_first_dispatcher_gets_what_is_there_already_in_order_and_as_it_was()
    {
        await redis.AddAsync(1, 25);
        await using var consumer = new ConsumerUnderTest(redis);

        var first = await consumer.TakeAsync(10);
        var second = await consumer.TakeAsync(10);
        var third = await consumer.TakeAsync(10);

        Assert.Equal(
            Given.Ids(1, 25), ConsumerUnderTest.IdsOf([.. first, .. second, .. third]), StringComparer.Ordinal);
        Assert.Equal(Given.Event(1).Json.ToArray(), first[0].Record.Json.ToArray());
        Assert.Equal(25, await redis.PendingAsync());
    }

    [Fact]
    public async Task Takes_fewer_at_once_the_longer_they_are()
    {
        for (var number = 1; number <= 40; number++)
        {
            var record = Given.Event(number, 1_000_000);
            await redis.Database.StreamAddAsync("test-events", [new("id", record.Id), new("data", record.Json)]);
        }

        await using var consumer = new ConsumerUnderTest(redis);

        List<int> taken =
        [
            (await consumer.TakeAsync()).Count, (await consumer.TakeAsync()).Count, (await consumer.TakeAsync()).Count,
            (await consumer.PeekAsync()).Count,
        ];

        Assert.Equal([32, 4, 4, 0], taken);
    }

    [Fact]
    public async Task What_is_acknowledged_is_done_with()
    {
        await redis.AddAsync(1, 1_200);
        await using var consumer = new ConsumerUnderTest(redis);
        var taken = await consumer.TakeAllAsync();

        Assert.Equal(1_200, taken.Count);
        Assert.True(await consumer.Source.AcknowledgeAsync(taken, Aborted));

        Assert.Equal(0, await redis.PendingAsync());
        Assert.Empty(await consumer.PeekAsync());
        Assert.True(await consumer.Source.AcknowledgeAsync([], Aborted));
    }

    [Fact]
    public async Task Waits_for_the_first_event_and_no_longer()
    {
        await using var consumer = new ConsumerUnderTest(redis);

        var take = consumer.TakeAsync();
        await Eventually.HoldsAsync(() => redis.Database.KeyExistsAsync("test-events"));
        Assert.False(take.IsCompleted);
        await redis.AddAsync(1, 1);

        Assert.Equal([Given.Id(1)], ConsumerUnderTest.IdsOf(await take), StringComparer.Ordinal);
    }

    [Fact]
    public async Task Comes_back_with_nothing_when_nothing_came()
    {
        await using var consumer = new ConsumerUnderTest(redis);

        Assert.Empty(await consumer.TakeAsync(seconds: 0.05));
    }

    [Fact]
    public async Task A_wait_can_be_given_up()
    {
        await using var consumer = new ConsumerUnderTest(redis);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Aborted);
        var take = consumer.Source.TakeAsync(10, TimeSpan.FromSeconds(30), stop.Token);

        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => take);
    }

    [Fact]
    public async Task Each_group_gets_everything_and_one_group_shares_it()
    {
        await redis.AddAsync(1, 20);
        await using var one = new ConsumerUnderTest(redis, "one");
        await using var two = new ConsumerUnderTest(redis, "two");
        await using var other = new ConsumerUnderTest(redis, group: "other-group");

        var (ofOne, ofTwo, ofOther) = (await one.TakeAsync(5), await two.TakeAsync(), await other.TakeAsync());

        Assert.Equal(Given.Ids(1, 20), ConsumerUnderTest.IdsOf([.. ofOne, .. ofTwo]), StringComparer.Ordinal);
        Assert.Equal(Given.Ids(1, 20), ConsumerUnderTest.IdsOf(ofOther), StringComparer.Ordinal);
    }

    [Fact]
    public async Task What_a_dead_dispatcher_had_taken_goes_to_another_one()
    {
        await redis.AddAsync(1, 250);
        var dead = new ConsumerUnderTest(redis, "dead");
        Assert.Equal(250, (await dead.TakeAllAsync()).Count);
        await dead.KillAsync();
        await using var heir = new ConsumerUnderTest(redis, "heir", claimAfter: TimeSpan.FromMilliseconds(50));

        List<Delivery> taken = [];
        await Eventually.HoldsAsync(async () =>
        {
            taken.AddRange(await heir.TakeAsync(100, 0.05));
            return taken.Count >= 250;
        });

        Assert.Equal(Given.Ids(1, 250), ConsumerUnderTest.IdsOf(taken), StringComparer.Ordinal);
    }

    [Fact]
    public async Task What_is_still_worked_at_is_not_taken_over()
    {
        await redis.AddAsync(1, 10);
        await using var busy = new ConsumerUnderTest(redis, "busy");
        await using var other = new ConsumerUnderTest(redis, "other", claimAfter: TimeSpan.FromMilliseconds(300));
        var held = await busy.TakeAsync();
        await SetIdleAsync("busy", held, TimeSpan.FromMinutes(1));

        await busy.Source.KeepAsync(held, Aborted);

        Assert.Empty(await other.PeekAsync());
        await SetIdleAsync("busy", held, TimeSpan.FromMinutes(1));
        Assert.Equal(10, (await other.TakeAsync()).Count);
    }

    [Fact]
    public async Task What_another_one_has_taken_over_is_not_taken_back_by_keeping_it()
    {
        await redis.AddAsync(1, 2);
        await using var slow = new ConsumerUnderTest(redis, "slow");
        await using var other = new ConsumerUnderTest(redis, "other", claimAfter: TimeSpan.FromSeconds(30));
        var held = await slow.TakeAsync();
        await SetIdleAsync("slow", [held[0]], TimeSpan.FromMinutes(1));
        Assert.Single(await other.TakeAsync());

        await slow.Source.KeepAsync(held, Aborted);

        var pending = await redis.Database.StreamPendingMessagesAsync("test-events", "test-group", 10, default);
        Assert.Equal(
            ["other", "slow"], pending.Select(static message => message.ConsumerName.ToString()),
            StringComparer.Ordinal);
    }

    [Fact]
    public async Task What_is_held_here_is_not_given_out_again_however_long_it_takes()
    {
        await redis.AddAsync(1, 10);
        await using var consumer = new ConsumerUnderTest(redis, claimAfter: TimeSpan.FromSeconds(1));
        var held = await consumer.TakeAsync();
        await SetIdleAsync("one", held, TimeSpan.FromMinutes(1));

        Assert.Empty(await consumer.PeekAsync());
        Assert.Empty(await consumer.TakeAsync(seconds: 0.1));
    }

    [Fact]
    public async Task What_is_handed_back_goes_to_another_one_at_once()
    {
        await redis.AddAsync(1, 10);
        await using var leaving = new ConsumerUnderTest(redis, "leaving");
        await using var other = new ConsumerUnderTest(redis, "other", claimAfter: TimeSpan.FromMinutes(59));
        var held = await leaving.TakeAsync();
        Assert.Empty(await other.PeekAsync());

        await leaving.Source.HandBackAsync([.. held.Skip(4)], Aborted);

        Assert.Equal(Given.Ids(5, 6), ConsumerUnderTest.IdsOf(await other.TakeAsync()), StringComparer.Ordinal);
    }

    [Fact]
    public async Task A_buried_event_is_among_the_dead_letters_with_all_that_is_known_of_it()
    {
        await redis.AddAsync(1, 2);
        await using var consumer = new ConsumerUnderTest(redis);
        var taken = await consumer.TakeAsync();

        Assert.True(await consumer.Source.BuryAsync(taken[0], "422: no such model", 3, Aborted));

        var letter = Assert.Single(await redis.Database.StreamRangeAsync("test-events:dead:test-group"));
        Assert.Equal(Given.Id(1), letter["id"]);
        Assert.Equal(Given.Event(1).Json.ToArray(), (byte[]?)letter["data"]);
        Assert.Equal(("422: no such model", "3"), (letter["reason"].ToString(), letter["attempts"].ToString()));
        Assert.Equal(1, await redis.PendingAsync());
        Assert.Equal(1, (await consumer.MeasureAsync()).Dead);
    }

    [Fact]
    public async Task What_another_one_has_dealt_with_meanwhile_is_not_buried()
    {
        await redis.AddAsync(1, 1);
        await using var consumer = new ConsumerUnderTest(redis);
        var taken = await consumer.TakeAsync();
        await redis.Database.StreamAcknowledgeAsync("test-events", "test-group", taken[0].Position);

        Assert.True(await consumer.Source.BuryAsync(taken[0], "too late", 1, Aborted));

        Assert.Equal(0, (await consumer.MeasureAsync()).Dead);
    }

    [Fact]
    public async Task An_entry_for_another_group_is_acknowledged_and_not_given_out()
    {
        await redis.AddAsync(1, [new("for", "other-group")]);
        await redis.AddAsync(2, [new("for", "test-group")]);
        await redis.AddAsync(3, 1);
        await using var consumer = new ConsumerUnderTest(redis);

        var taken = await consumer.TakeAsync();

        Assert.Equal(Given.Ids(2, 2), ConsumerUnderTest.IdsOf(taken), StringComparer.Ordinal);
        Assert.Equal(2, await redis.PendingAsync());
    }

    [Fact]
    public async Task An_entry_that_is_no_event_goes_to_the_dead_letters()
    {
        await redis.Database.StreamAddAsync("test-events", [new("data", "{\"old\":true}")]);
        await redis.Database.StreamAddAsync("test-events", [new("id", "no-data")]);
        await redis.AddAsync(1, 1);
        await using var consumer = new ConsumerUnderTest(redis);

        Assert.Equal([Given.Id(1)], ConsumerUnderTest.IdsOf(await consumer.TakeAsync()), StringComparer.Ordinal);

        var letters = await redis.Database.StreamRangeAsync("test-events:dead:test-group");
        Assert.Equal("{\"old\":true}", Encoding.UTF8.GetString((byte[])letters[0]["data"]!));
        Assert.Equal("no-data", letters[1]["id"]);
        Assert.All(letters, static letter =>
            Assert.StartsWith("unreadable", letter["reason"].ToString(), StringComparison.Ordinal));
        Assert.Equal(1, await redis.PendingAsync());
        Assert.Equal(2, consumer.Log.All.Count);
    }

    [Fact]
    public async Task A_group_that_was_lost_with_its_stream_is_made_again_and_that_is_said()
    {
        await redis.AddAsync(1, 1);
        await using var consumer = new ConsumerUnderTest(redis);
        var lost = await consumer.TakeAsync();

        await redis.Server.FlushAllDatabasesAsync();
        await redis.AddAsync(2, 1);
        var taken = await consumer.TakeAsync();

        Assert.Equal([Given.Id(2)], ConsumerUnderTest.IdsOf(taken), StringComparer.Ordinal);
        Assert.True(await consumer.Source.AcknowledgeAsync(lost, Aborted));
        Assert.StartsWith(
            "the consumer group test-group was gone", Assert.Single(consumer.Log.All), StringComparison.Ordinal);
        Assert.Empty(consumer.LinkLog.All);
    }

    [Fact]
    public async Task A_dispatcher_that_holds_nothing_leaves_no_trace_and_one_that_does_stays()
    {
        await redis.AddAsync(1, 2);
        await using (var first = new ConsumerUnderTest(redis, "first"))
        {
            await first.Source.AcknowledgeAsync(await first.TakeAsync(1), Aborted);
        }

        await using (var second = new ConsumerUnderTest(redis, "second"))
        {
            await second.TakeAsync(1);
        }

        Assert.Equal(["second"], await ConsumersAsync(), StringComparer.Ordinal);
    }

    [Fact]
    public async Task While_memory_is_full_what_was_delivered_is_still_acknowledged_and_counted_later()
    {
        await redis.AddAsync(1, 10);
        await using var consumer = new ConsumerUnderTest(redis);
        var taken = await consumer.TakeAsync();
        await redis.Server.ConfigSetAsync("maxmemory", "1");

        Assert.True(await consumer.Source.AcknowledgeAsync([.. taken.Take(4)], Aborted));
        Assert.False(await consumer.Source.BuryAsync(taken[4], "no room", 1, Aborted));
        await redis.Server.ConfigSetAsync("maxmemory", "0");
        Assert.True(await consumer.Source.AcknowledgeAsync([.. taken.Skip(4)], Aborted));

        Assert.Equal(10, await redis.Database.HashGetAsync("test-events:counts", "test-group:acknowledged"));
        Assert.Equal(new Backlog(0, 0, TimeSpan.Zero, 0, 0), await consumer.MeasureAsync());
    }

    private async Task<IEnumerable<string>> ConsumersAsync() =>
        (await redis.Database.StreamConsumerInfoAsync("test-events", "test-group"))
            .Select(static consumer => consumer.Name);

    private async Task SetIdleAsync(string consumer, IReadOnlyList<Delivery> held, TimeSpan idle)
    {
        foreach (var delivery in held)
        {
            await redis.Database.ExecuteAsync(
                "XCLAIM", "test-events", "test-group", consumer, 0, delivery.Position, "IDLE",
                (long)idle.TotalMilliseconds, "JUSTID");
        }
    }
}
