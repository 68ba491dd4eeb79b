using LlmProxy.Tests.Caching.Redis;
using StackExchange.Redis;
using Xunit;

namespace LlmProxy.Tests.Events.Redis;

public sealed class RedisPublisherTests(BusRedis redis) : IClassFixture<BusRedis>, IAsyncLifetime
{
    private readonly SpoolFile _file = new();

    public async ValueTask InitializeAsync() => await redis.Server.FlushAllDatabasesAsync();

    public ValueTask DisposeAsync()
    {
        _file.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Everything_is_in_the_stream_once_and_in_order()
    {
        await using var publisher = await PublisherUnderTest.StartAsync(redis.Stream(), _file);

        publisher.Publish(5_000);
        await publisher.HasSentAsync(5_000);

        Assert.Equal(Given.Ids(1, 5_000), await redis.IdsAsync());
        Assert.Empty(publisher.LinkLog.All);
        Assert.Equal(0, publisher.Spooled);
    }

    [Fact]
    public async Task An_entry_is_the_events_id_and_its_JSON()
    {
        await using var publisher = await PublisherUnderTest.StartAsync(redis.Stream(), _file);

        publisher.Publish(1);
        await publisher.HasSentAsync(1);

        var entry = Assert.Single(await redis.Database.StreamRangeAsync("test-events"));
        Assert.Equal(["id", "data"], entry.Values.Select(static field => field.Name.ToString()),
            StringComparer.Ordinal);
        Assert.Equal(Given.Event(1).Json.ToArray(), (byte[]?)entry["data"]);
    }

    [Fact]
    public async Task The_stream_keeps_about_as_many_as_it_should()
    {
        await using var publisher = await PublisherUnderTest.StartAsync(
            redis.Stream(), _file, new PublisherSetup { LengthMax = 1_000 });

        publisher.Publish(8_000);
        await publisher.HasSentAsync(8_000);

        Assert.InRange(await redis.Database.StreamLengthAsync("test-events"), 1_000, 1_200);
        Assert.Equal(Given.Id(8_000), (await redis.IdsAsync())[^1]);
    }

    [Fact]
    public async Task More_than_memory_holds_goes_through_the_spool_and_nothing_is_lost()
    {
        await using var publisher = await PublisherUnderTest.StartAsync(
            redis.Stream(), _file, new PublisherSetup { QueueEvents = 200 });

        for (var batch = 1; batch <= 100; batch++)
        {
            publisher.Publish(150);
            await Eventually.HoldsAsync(() => publisher.Queued == 0);
        }

        await publisher.HasSentAsync(15_000);
        Assert.Equal(Given.Ids(1, 15_000), await redis.IdsAsync());
        Assert.NotEqual(0, publisher.Spooled);
        Assert.Equal(publisher.Spooled, publisher.Replayed);
    }

    [Fact]
    public async Task A_stop_sends_all_that_waits()
    {
        var publisher = await PublisherUnderTest.StartAsync(redis.Stream(), _file);
        publisher.Publish(10_000, bytes: 1_000);

        await publisher.DisposeAsync();

        Assert.Equal(Given.Ids(1, 10_000), await redis.IdsAsync());
        Assert.Equal(1_024, new FileInfo(_file.Path).Length);
    }

    [Fact]
    public async Task What_Redis_has_lost_that_it_had_said_to_have_is_sent_again()
    {
        await using var publisher = await PublisherUnderTest.StartAsync(redis.Stream(), _file);
        publisher.Publish(10);
        await publisher.HasSentAsync(10);

        await ForgetAsync(upTo: 6);
        publisher.Publish(2);
        await publisher.HasSentAsync(16);

        Assert.Equal(Given.Ids(1, 12), await redis.IdsAsync());
        Assert.Equal(0, publisher.Dropped("redis_lost"));
    }

    [Fact]
    public async Task What_Redis_has_lost_and_nobody_knows_any_more_is_counted_and_said()
    {
        var clock = new JumpingClock();
        await using var publisher = await PublisherUnderTest.StartAsync(
            redis.Stream(), _file, new PublisherSetup { Time = clock });
        publisher.Publish(10);
        await publisher.HasSentAsync(10);

        clock.Jump(TimeSpan.FromSeconds(3));
        await Eventually.HoldsAsync(async () => await SeenAsync(publisher, 11));
        await ForgetAsync(upTo: 6);
        publisher.Publish(2);
        await publisher.HasSentAsync(14);

        Assert.Equal([.. Given.Ids(1, 6), .. Given.Ids(11, 3)], await redis.IdsAsync());
        Assert.Equal(4, publisher.Dropped("redis_lost"));
        Assert.Contains(publisher.Log.All, static line => line.Contains("has lost 4 events", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_Redis_that_was_emptied_gets_the_latest_events_again()
    {
        await using var publisher = await PublisherUnderTest.StartAsync(redis.Stream(), _file);
        publisher.Publish(10);
        await publisher.HasSentAsync(10);

        await redis.Server.FlushAllDatabasesAsync();
        publisher.Publish(1);
        await publisher.HasSentAsync(21);

        Assert.Equal(Given.Ids(1, 11), await redis.IdsAsync());
        Assert.Contains(
            publisher.Log.All, static line => line.Contains("does not know this process", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_spool_that_is_sent_twice_is_in_the_stream_once()
    {
        using (var spool = _file.Open())
        {
            spool.Append(Given.Batch(1, 3_000));
        }

        var killed = await File.ReadAllBytesAsync(_file.Path, TestContext.Current.CancellationToken);
        await using (var first = await PublisherUnderTest.StartAsync(redis.Stream(), _file))
        {
            await first.HasSentAsync(3_000);
        }

        await File.WriteAllBytesAsync(_file.Path, killed, TestContext.Current.CancellationToken);
        await using var second = await PublisherUnderTest.StartAsync(redis.Stream(), _file);
        await second.HasSentAsync(3_000);

        Assert.Equal(Given.Ids(1, 3_000), await redis.IdsAsync());
        Assert.Equal(1_024, new FileInfo(_file.Path).Length);
    }

    [Fact]
    public async Task What_waits_from_before_goes_before_what_is_new()
    {
        using (var spool = _file.Open())
        {
            spool.Append(Given.Batch(90_001, 2_000));
        }

        await using var publisher = await PublisherUnderTest.StartAsync(redis.Stream(), _file);
        publisher.Publish(10);
        await publisher.HasSentAsync(2_010);

        Assert.Equal([.. Given.Ids(90_001, 2_000), .. Given.Ids(1, 10)], await redis.IdsAsync());
    }

    // As when Redis dies after its answer and before its disk has what it answered.
    private async Task ForgetAsync(int upTo)
    {
        var entries = await redis.Database.StreamRangeAsync("test-events");
        await redis.Database.StreamDeleteAsync("test-events", [.. entries[upTo..].Select(static entry => entry.Id)]);
        var key = await redis.Server.KeysAsync(pattern: "test-events:sent:*")
            .SingleAsync(TestContext.Current.CancellationToken);
        await redis.Database.StringSetAsync(key, upTo);
    }

    // One more event, so that the sender has looked at its clock since.
    private static async Task<bool> SeenAsync(PublisherUnderTest publisher, long sent)
    {
        if (publisher.Sent < sent)
        {
            publisher.Publish(1);
            await publisher.HasSentAsync(sent);
        }

        return true;
    }
}
