using LlmProxy.Tests.Caching.Redis;
using LlmProxy.Tests.Events.Redis;
using Xunit;
using Given = LlmProxy.Tests.Events.Redis.Given;

namespace LlmProxy.Tests.Dispatching.Redis;

/// <summary>Redis is not there, or goes, while a dispatcher reads.</summary>
public sealed class SourceOutageTests
{
    private static CancellationToken Aborted => TestContext.Current.CancellationToken;

    [Fact]
    public async Task While_Redis_is_away_nothing_comes_nothing_is_thrown_and_what_was_taken_stays_to_be_said()
    {
        await using var redis = new BusRedis();
        await redis.InitializeAsync();
        await redis.AddAsync(1, 10);
        await using var consumer = new ConsumerUnderTest(redis, claimAfter: TimeSpan.FromMilliseconds(1));
        var taken = await consumer.TakeAsync();

        await redis.KillAsync();
        await Eventually.HoldsAsync(async () => !await consumer.Source.AcknowledgeAsync(taken, Aborted));
        Assert.Empty(await consumer.TakeAsync(seconds: 0.1));
        Assert.False(await consumer.Source.BuryAsync(taken[0], "away", 1, Aborted));
        await consumer.Source.KeepAsync(taken, Aborted);
        Assert.Null(await consumer.Source.MeasureAsync(Aborted));

        await redis.StartAsync();
        await Eventually.HoldsAsync(() => consumer.Source.AcknowledgeAsync(taken, Aborted));
        Assert.Equal(0, await redis.PendingAsync());
        Assert.Equal(2, consumer.LinkLog.All.Count);
    }

    [Fact]
    public async Task A_start_without_Redis_reads_when_it_comes()
    {
        await using var redis = new BusRedis();
        await using var consumer = new ConsumerUnderTest(redis);
        var take = consumer.TakeAsync(seconds: 20);
        await Eventually.HoldsAsync(() => consumer.LinkLog.All.Count == 1);

        await redis.InitializeAsync();
        await redis.AddAsync(1, 1);

        Assert.Equal([Given.Id(1)], ConsumerUnderTest.IdsOf(await take), StringComparer.Ordinal);
    }

    [Fact]
    public async Task Killed_twenty_times_between_sender_and_reader_nothing_is_missing()
    {
        using var file = new SpoolFile();
        await using var redis = new BusRedis();
        await redis.InitializeAsync();
        await using var publisher = await PublisherUnderTest.StartAsync(redis.Stream(), file);
        await using var consumer = new ConsumerUnderTest(redis, claimAfter: TimeSpan.FromSeconds(1));
        using var ended = new CancellationTokenSource();
        var delivered = new HashSet<string>(StringComparer.Ordinal);
        var load = LoadAsync(publisher, ended.Token);
        var reading = ReadAsync(consumer, delivered, ended.Token);

        for (var kill = 0; kill < 20; kill++)
        {
            var before = publisher.Sent;
            await publisher.HasSentAsync(before + 500);
            await redis.KillAsync();
            await redis.StartAsync();
        }

        await ended.CancelAsync();
        var published = await load;
        await reading;
        await publisher.HasSentAsync(published);
        await Eventually.HoldsAsync(async () =>
        {
            await TakeAndAcknowledgeAsync(consumer, delivered);
            return delivered.Count >= published && await redis.PendingAsync() == 0;
        });
        Assert.Equal(Given.Ids(1, published), delivered.Order(StringComparer.Ordinal), StringComparer.Ordinal);
        Assert.Equal(Given.Ids(1, published), await redis.IdsAsync(), StringComparer.Ordinal);
        Assert.Equal((0, 0), ((await consumer.MeasureAsync()).Waiting, (await consumer.MeasureAsync()).TrimmedUnread));
    }

    private static async Task<int> LoadAsync(PublisherUnderTest publisher, CancellationToken ended)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        var published = 0;
        while (!ended.IsCancellationRequested)
        {
            publisher.Publish(10);
            published += 10;
            await timer.WaitForNextTickAsync(CancellationToken.None);
        }

        return published;
    }

    private static async Task ReadAsync(
        ConsumerUnderTest consumer, HashSet<string> delivered, CancellationToken ended)
    {
        while (!ended.IsCancellationRequested)
        {
            await TakeAndAcknowledgeAsync(consumer, delivered);
        }
    }

    private static async Task TakeAndAcknowledgeAsync(ConsumerUnderTest consumer, HashSet<string> delivered)
    {
        var taken = await consumer.TakeAsync(200, 0.05);
        delivered.UnionWith(ConsumerUnderTest.IdsOf(taken));
        await Eventually.HoldsAsync(() => consumer.Source.AcknowledgeAsync(taken, Aborted));
    }
}
