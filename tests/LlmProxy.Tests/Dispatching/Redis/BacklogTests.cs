using LlmProxy.Dispatching.Redis;
using LlmProxy.Tests.Events.Redis;
using Xunit;

namespace LlmProxy.Tests.Dispatching.Redis;

/// <summary>How far behind a group is, by a real stream.</summary>
public sealed class BacklogTests(BusRedis redis) : IClassFixture<BusRedis>, IAsyncLifetime
{
    private static CancellationToken Aborted => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => await redis.Server.FlushAllDatabasesAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Says_what_waits_and_what_is_pending()
    {
        await redis.AddAsync(1, 30);
        await using var consumer = new ConsumerUnderTest(redis);
        var taken = await consumer.TakeAsync(10);
        await consumer.Source.AcknowledgeAsync([.. taken.Take(4)], Aborted);

        var backlog = await consumer.MeasureAsync();

        Assert.Equal((20, 6, 0, 0), (backlog.Waiting, backlog.Pending, backlog.Dead, backlog.TrimmedUnread));
    }

    [Fact]
    public async Task The_oldest_is_the_oldest_of_what_waits_and_what_is_pending()
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        foreach (var age in new[] { 90_000, 60_000, 30_000 })
        {
            await redis.Database.StreamAddAsync(
                "test-events", [new("id", "x"), new("data", "{}")], $"{now - age}-0");
        }

        await using var consumer = new ConsumerUnderTest(redis);
        var first = await consumer.TakeAsync(1);
        Assert.InRange((await consumer.MeasureAsync()).OldestAge.TotalSeconds, 89, 110);
        await consumer.Source.AcknowledgeAsync(first, Aborted);
        Assert.InRange((await consumer.MeasureAsync()).OldestAge.TotalSeconds, 59, 80);
        await consumer.Source.AcknowledgeAsync(await consumer.TakeAsync(), Aborted);

        Assert.Equal(TimeSpan.Zero, (await consumer.MeasureAsync()).OldestAge);
    }

    [Fact]
    public async Task What_left_the_stream_before_the_group_was_made_is_not_its_business()
    {
        await redis.AddAsync(1, 30);
        await redis.TrimAsync(10);
        await using var consumer = new ConsumerUnderTest(redis);

        await consumer.Source.AcknowledgeAsync(await consumer.TakeAsync(3), Aborted);

        var backlog = await consumer.MeasureAsync();
        Assert.Equal((7, 0), (backlog.Waiting, backlog.TrimmedUnread));
    }

    [Fact]
    public async Task What_was_acknowledged_and_trimmed_is_not_missed()
    {
        await using var consumer = new ConsumerUnderTest(redis);
        await consumer.PeekAsync();
        for (var round = 0; round < 5; round++)
        {
            await redis.AddAsync(1 + (20 * round), 20);
            await consumer.Source.AcknowledgeAsync(await consumer.TakeAsync(), Aborted);
            await redis.TrimAsync(3);
        }

        Assert.Equal(0, (await consumer.MeasureAsync()).TrimmedUnread);
        Assert.Empty(consumer.Log.All);
    }

    [Fact]
    public async Task What_was_trimmed_unread_is_counted_to_one_and_said()
    {
        await using var consumer = new ConsumerUnderTest(redis);
        await redis.AddAsync(1, 30);
        await consumer.Source.AcknowledgeAsync(await consumer.TakeAsync(10), Aborted);

        await redis.TrimAsync(5);
        var behind = await consumer.MeasureAsync();
        await consumer.Source.AcknowledgeAsync(await consumer.TakeAsync(2), Aborted);
        var inside = await consumer.MeasureAsync();
        await consumer.Source.AcknowledgeAsync(await consumer.TakeAsync(), Aborted);
        var done = await consumer.MeasureAsync();

        Assert.Equal((5, 15), (behind.Waiting, behind.TrimmedUnread));
        Assert.Equal((3, 15), (inside.Waiting, inside.TrimmedUnread));
        Assert.Equal((0, 15), (done.Waiting, done.TrimmedUnread));
        Assert.Contains("has dropped 15 events", Assert.Single(consumer.Log.All), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_was_trimmed_unread_while_nobody_looked_is_counted_when_the_group_has_caught_up()
    {
        await using var consumer = new ConsumerUnderTest(redis);
        await redis.AddAsync(1, 30);
        await consumer.Source.AcknowledgeAsync(await consumer.TakeAsync(10), Aborted);
        await redis.TrimAsync(5);
        await consumer.Source.AcknowledgeAsync(await consumer.TakeAsync(2), Aborted);

        Assert.Equal(0, (await consumer.MeasureAsync()).TrimmedUnread);
        await consumer.Source.AcknowledgeAsync(await consumer.TakeAsync(), Aborted);

        Assert.Equal(15, (await consumer.MeasureAsync()).TrimmedUnread);
    }

    [Fact]
    public async Task What_was_trimmed_after_it_was_taken_and_before_it_was_acknowledged_counts_too()
    {
        await redis.AddAsync(1, 10);
        var dead = new ConsumerUnderTest(redis, "dead");
        await dead.TakeAsync(6);
        await dead.KillAsync();
        await redis.TrimAsync(2);
        await using var heir = new ConsumerUnderTest(redis, "heir", claimAfter: TimeSpan.Zero);

        await heir.Source.AcknowledgeAsync(await heir.TakeAsync(), Aborted);

        var backlog = await heir.MeasureAsync();
        Assert.Equal((0, 0, 8), (backlog.Waiting, backlog.Pending, backlog.TrimmedUnread));
    }

    [Fact]
    public async Task An_event_that_somebody_deletes_unread_counts_like_a_trimmed_one()
    {
        await using var consumer = new ConsumerUnderTest(redis);
        await consumer.PeekAsync();
        await redis.AddAsync(1, 3);
        var deleted = await redis.AddAsync(4);
        await redis.AddAsync(5, 3);
        await redis.Database.StreamDeleteAsync("test-events", [deleted]);

        await consumer.Source.AcknowledgeAsync(await consumer.TakeAsync(), Aborted);

        Assert.Equal(1, (await consumer.MeasureAsync()).TrimmedUnread);
    }

    [Fact]
    public async Task A_group_that_somebody_else_has_made_counts_from_when_it_is_first_seen()
    {
        await redis.AddAsync(1, 30);
        await redis.Database.StreamCreateConsumerGroupAsync("test-events", "test-group", "0");
        await redis.TrimAsync(20);
        await using var consumer = new ConsumerUnderTest(redis);

        Assert.Equal((20, 0), Both(await consumer.MeasureAsync()));
        await redis.TrimAsync(15);
        Assert.Equal((15, 5), Both(await consumer.MeasureAsync()));
    }

    [Fact]
    public async Task Another_looker_knows_what_one_has_found()
    {
        await using var consumer = new ConsumerUnderTest(redis);
        await redis.AddAsync(1, 30);
        await consumer.TakeAsync(1);
        await redis.TrimAsync(10);
        await consumer.MeasureAsync();
        await consumer.TakeAsync(2);

        await using var other = new ConsumerUnderTest(redis, "other");

        Assert.Equal(19, (await other.MeasureAsync()).TrimmedUnread);
        Assert.Empty(other.Log.All);
    }

    [Fact]
    public async Task Without_a_stream_nothing_waits()
    {
        await using var consumer = new ConsumerUnderTest(redis);

        Assert.Equal((0, 0), Both(await consumer.MeasureAsync()));
    }

    [Theory]
    [InlineData("5-1", 5, 1)]
    [InlineData("1796057656586-0", 1_796_057_656_586, 0)]
    [InlineData("0-18446744073709551615", 0, ulong.MaxValue)]
    public void An_id_is_read(string text, long milliseconds, ulong number) =>
        Assert.Equal(new StreamId(milliseconds, number), StreamId.TryRead(text));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("5")]
    [InlineData("-5-1")]
    [InlineData("5-x")]
    public void What_is_no_id_is_none(string? text) => Assert.Null(StreamId.TryRead(text));

    private static (long Waiting, long Trimmed) Both(LlmProxy.Dispatching.Backlog backlog) =>
        (backlog.Waiting, backlog.TrimmedUnread);
}
