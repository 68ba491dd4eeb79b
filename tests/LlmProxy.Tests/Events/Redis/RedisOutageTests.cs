using LlmProxy.Tests.Caching.Redis;
using Xunit;

namespace LlmProxy.Tests.Events.Redis;

/// <summary>Redis dies, freezes, is not there yet, is full, and comes back.</summary>
public sealed class RedisOutageTests : IDisposable
{
    private readonly SpoolFile _file = new();

    public void Dispose() => _file.Dispose();

    [Fact]
    public async Task Killed_twenty_times_under_load_Redis_has_everything_once_and_in_order()
    {
        await using var redis = new BusRedis();
        await redis.InitializeAsync();
        await using var publisher = await PublisherUnderTest.StartAsync(redis.Stream(), _file);
        using var ended = new CancellationTokenSource();
        var load = LoadAsync(publisher, ended.Token);

        for (var kill = 0; kill < 20; kill++)
        {
            var before = publisher.Sent;
            await publisher.HasSentAsync(before + 1_000);
            await redis.KillAsync();
            await Eventually.HoldsAsync(() => !publisher.IsUp);
            await redis.StartAsync();
        }

        await ended.CancelAsync();
        var published = await load;
        await Eventually.HoldsAsync(async () => (await redis.IdsAsync())[^1] == Given.Id(published));
        Assert.Equal(Given.Ids(1, published), await redis.IdsAsync());
        Assert.Equal(0, publisher.Dropped("redis_lost"));
        Assert.Equal(40, publisher.LinkLog.All.Count);
    }

    [Fact]
    public async Task While_Redis_is_not_there_events_wait_in_the_spool()
    {
        await using var redis = new BusRedis();
        await using var publisher = await PublisherUnderTest.StartAsync(redis.Stream(), _file);
        await Eventually.HoldsAsync(() => publisher.LinkLog.All.Count == 1);

        publisher.Publish(5_000);
        await Eventually.HoldsAsync(() => publisher.Spooled == 5_000);
        await redis.InitializeAsync();
        await publisher.HasSentAsync(5_000);
        publisher.Publish(10);
        await publisher.HasSentAsync(5_010);

        Assert.Equal(Given.Ids(1, 5_010), await redis.IdsAsync());
        Assert.Equal(5_000, publisher.Replayed);
        Assert.Collection(publisher.LinkLog.All,
            away => Assert.Matches("^Redis of the event bus at 127.0.0.1:\\d+ is away \\(no connection\\); ", away),
            back => Assert.Matches("^Redis of the event bus at 127.0.0.1:\\d+ is back$", back));
    }

    [Fact]
    public async Task A_batch_that_Redis_takes_after_all_is_not_there_twice()
    {
        await using var redis = new BusRedis();
        await redis.InitializeAsync();
        await using var publisher = await PublisherUnderTest.StartAsync(
            redis.Stream(), _file, new PublisherSetup { AnswerBound = TimeSpan.FromMilliseconds(100) });
        await Eventually.HoldsAsync(() => publisher.IsUp);

        await redis.FreezeAsync();
        publisher.Publish(100);
        await Eventually.HoldsAsync(() => !publisher.IsUp);
        publisher.Publish(100);
        await Eventually.HoldsAsync(() => publisher.Spooled == 200);
        await redis.ThawAsync();
        await publisher.HasSentAsync(200);

        Assert.Equal(Given.Ids(1, 200), await redis.IdsAsync());
    }

    [Fact]
    public async Task What_waits_when_the_program_stops_is_sent_by_the_next_one()
    {
        await using var redis = new BusRedis();
        await using (var first = await PublisherUnderTest.StartAsync(redis.Stream(), _file))
        {
            first.Publish(3_000);
            await Eventually.HoldsAsync(() => first.Spooled > 0);
            first.Publish(3_000);
        }

        await redis.InitializeAsync();
        await using var second = await PublisherUnderTest.StartAsync(redis.Stream(), _file);
        await second.HasSentAsync(6_000);

        Assert.Equal(Given.Ids(1, 6_000), await redis.IdsAsync());
    }

    [Fact]
    public async Task A_stop_does_not_wait_for_a_Redis_that_hangs_and_loses_nothing()
    {
        await using var redis = new BusRedis();
        await redis.InitializeAsync();
        var setup = new PublisherSetup { StopBound = TimeSpan.FromMilliseconds(200) };
        var first = await PublisherUnderTest.StartAsync(redis.Stream(), _file, setup);
        await Eventually.HoldsAsync(() => first.IsUp);
        await redis.FreezeAsync();
        first.Publish(3_000);
        await first.StopAsync();
        await redis.ThawAsync();
        await first.DisposeAsync();

        await using var second = await PublisherUnderTest.StartAsync(redis.Stream(), _file);
        await second.HasSentAsync(3_000);

        Assert.Equal(Given.Ids(1, 3_000), await redis.IdsAsync());
    }

    [Fact]
    public async Task What_the_spool_has_no_room_for_is_counted()
    {
        await using var redis = new BusRedis();
        await using var publisher = await PublisherUnderTest.StartAsync(
            redis.Stream(), _file, new PublisherSetup { SpoolBytes = 100_000 });

        publisher.Publish(1_000);
        await Eventually.HoldsAsync(() => publisher.Spooled + publisher.Dropped("spool") == 1_000);
        var kept = (int)publisher.Spooled;
        await redis.InitializeAsync();
        await publisher.HasSentAsync(kept);

        Assert.InRange(kept, 100, 900);
        Assert.Equal(Given.Ids(1, kept), await redis.IdsAsync());
    }

    [Fact]
    public async Task A_full_Redis_is_away_and_says_why()
    {
        await using var redis = new BusRedis();
        await redis.InitializeAsync();
        await using var publisher = await PublisherUnderTest.StartAsync(redis.Stream(), _file);
        await redis.Server.ConfigSetAsync("maxmemory", "1");

        publisher.Publish(100);
        await Eventually.HoldsAsync(() => publisher.Spooled == 100);
        await redis.Server.ConfigSetAsync("maxmemory", "0");
        await publisher.HasSentAsync(100);

        Assert.Equal(Given.Ids(1, 100), await redis.IdsAsync());
        Assert.Contains("is away (OOM)", publisher.LinkLog.All.First(), StringComparison.Ordinal);
        Assert.Equal(2, publisher.LinkLog.All.Count);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("wrong")]
    public async Task A_wrong_password_is_called_so(string? password)
    {
        await using var redis = new BusRedis("--requirepass", "right");
        await redis.InitializeAsync();
        await using var publisher = await PublisherUnderTest.StartAsync(redis.Stream(password: password), _file);

        await Eventually.HoldsAsync(() => publisher.LinkLog.All.Count == 1);
        publisher.Publish(10);
        await Eventually.HoldsAsync(() => publisher.Spooled == 10);

        Assert.Contains("it refuses the user name or the password", publisher.LinkLog.All.Single(),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Takes_a_password_as_parts_give_it()
    {
        await using var redis = new BusRedis("--requirepass", "r:i@g/ht%");
        await redis.InitializeAsync();
        await using var publisher = await PublisherUnderTest.StartAsync(redis.Stream(password: "r:i@g/ht%"), _file);

        publisher.Publish(10);
        await publisher.HasSentAsync(10);
    }

    [Fact]
    public async Task Says_that_what_Redis_holds_is_not_kept_and_may_be_evicted()
    {
        await using var redis = new BusRedis(
            "--appendonly", "no", "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru");
        await redis.InitializeAsync();
        await using var publisher = await PublisherUnderTest.StartAsync(redis.Stream(), _file);

        await Eventually.HoldsAsync(() => publisher.Log.All.Count == 2);

        Assert.Collection(publisher.Log.All,
            kept => Assert.Contains("keeps no append-only file", kept, StringComparison.Ordinal),
            evicted => Assert.Contains("may evict keys when its memory is full (allkeys-lru)", evicted,
                StringComparison.Ordinal));
    }

    [Fact]
    public async Task Says_that_it_could_not_find_out_and_needs_no_more_rights_than_it_says()
    {
        await using var redis = new BusRedis();
        await redis.InitializeAsync();
        await redis.Database.ExecuteAsync(
            "ACL", "SETUSER", "proxy", "on", ">secret", "~test-events*", "+ping", "+echo", "+eval", "+get", "+set",
            "+xadd", "+xtrim");
        await using var publisher = await PublisherUnderTest.StartAsync(redis.Stream("proxy", "secret"), _file);

        publisher.Publish(10);
        await publisher.HasSentAsync(10);
        await Eventually.HoldsAsync(() => publisher.Log.All.Count == 1);

        Assert.EndsWith("could not be checked (NOPERM)", publisher.Log.All.Single(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("+eval", "NOPERM")]
    [InlineData("+xadd", "NOPERM")]
    public async Task Who_may_not_do_what_is_needed_learns_it(string missing, string word)
    {
        await using var redis = new BusRedis();
        await redis.InitializeAsync();
        await redis.Database.ExecuteAsync(
            "ACL", "SETUSER", "proxy", "on", ">secret", "~test-events*", "+ping", "+echo", "+eval", "+get", "+set",
            "+xadd", "+xtrim", missing.Replace('+', '-'));
        await using var publisher = await PublisherUnderTest.StartAsync(redis.Stream("proxy", "secret"), _file);

        publisher.Publish(10);
        await Eventually.HoldsAsync(() => publisher.Spooled == 10);

        Assert.Contains($"is away ({word})", publisher.LinkLog.All.First(), StringComparison.Ordinal);
    }

    private static async Task<int> LoadAsync(PublisherUnderTest publisher, CancellationToken ended)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        var published = 0;
        while (!ended.IsCancellationRequested)
        {
            publisher.Publish(20);
            published += 20;
            await timer.WaitForNextTickAsync(CancellationToken.None);
        }

        return published;
    }
}
