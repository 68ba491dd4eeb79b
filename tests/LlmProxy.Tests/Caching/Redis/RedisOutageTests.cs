using LlmProxy.Caching;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LlmProxy.Tests.Caching.Redis;

/// <summary>Redis dies, freezes, is not there yet, and comes back.</summary>
public sealed class RedisOutageTests
{
    private static readonly TimeSpan Bound = TimeSpan.FromMilliseconds(20);

    [Fact]
    public async Task While_Redis_is_dead_nothing_is_found_at_once_and_when_it_is_back_it_is_used_again()
    {
        await using var redis = new RedisServer();
        await redis.InitializeAsync();
        await using var instance = await CacheInstance.StartAsync(redis);
        await instance.PutAsync(Given.Key(), Given.Response());

        await redis.KillAsync();
        await Eventually.HoldsAsync(() => !instance.Link.IsUp && !instance.Near.IsTrusted);
        var look = instance.Store.FindAsync(Given.Key()).AsTask();

        Assert.True(look.IsCompletedSuccessfully);
        Assert.Empty(await look);
        Assert.False(await instance.Store.PutAsync(Given.Key(), Given.Response()));

        await redis.StartAsync();
        await Eventually.HoldsAsync(() => instance.Link.IsUp && instance.Near.IsTrusted);
        Assert.False(await instance.FindsAsync(Given.Key()));
        await instance.PutAsync(Given.Key(), Given.Response());

        Assert.Collection(instance.Log.All,
            away => Assert.Matches("^Redis of the cache at 127.0.0.1:\\d+ is away", away),
            back => Assert.Matches("^Redis of the cache at 127.0.0.1:\\d+ is back$", back));
    }

    [Fact]
    public async Task Nobody_waits_longer_than_twenty_milliseconds_for_a_Redis_that_hangs()
    {
        var clock = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var redis = new RedisServer();
        await redis.InitializeAsync();
        await using var instance = await CacheInstance.StartAsync(redis.Url, time: clock, bound: Bound);
        await Eventually.HoldsAsync(() => instance.Link.IsUp);

        await redis.FreezeAsync();
        var look = instance.Store.FindAsync(Given.Key()).AsTask();
        clock.Advance(Bound - TimeSpan.FromMilliseconds(1));
        Assert.False(look.IsCompleted);
        clock.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Empty(await look.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken));
        Assert.NotEqual(0, instance.Faults("timeout"));
    }

    [Fact]
    public async Task A_Redis_that_hangs_is_soon_asked_no_more_and_asked_again_when_it_goes_on()
    {
        await using var redis = new RedisServer();
        await redis.InitializeAsync();
        await using var instance = await CacheInstance.StartAsync(redis, bound: Bound);
        await redis.FreezeAsync();

        var looks = 0;
        await Eventually.HoldsAsync(async () =>
        {
            looks++;
            await instance.Store.FindAsync(Given.Key());
            return !instance.Link.IsUp;
        });

        Assert.InRange(looks, 2, 50);
        Assert.True(instance.Store.FindAsync(Given.Key()).AsTask().IsCompletedSuccessfully);

        await redis.ThawAsync();
        await Eventually.HoldsAsync(() => instance.Link.IsUp && instance.Near.IsTrusted);
    }

    [Fact]
    public async Task The_memory_is_not_trusted_for_more_than_seconds_while_Redis_hangs()
    {
        await using var redis = new RedisServer();
        await redis.InitializeAsync();
        await using var instance = await CacheInstance.StartAsync(redis);
        await instance.PutAsync(Given.Key(), Given.Response());

        await redis.FreezeAsync();

        await Eventually.HoldsAsync(async () => !await instance.FindsAsync(Given.Key()));
        await redis.ThawAsync();
        await Eventually.HoldsAsync(async () => await instance.FindsAsync(Given.Key()));
    }

    [Fact]
    public async Task A_start_without_Redis_serves_and_finds_it_later()
    {
        await using var redis = new RedisServer();
        await using var instance = await CacheInstance.StartAsync(redis.Url);

        Assert.True(instance.Store.FindAsync(Given.Key()).AsTask().IsCompletedSuccessfully);
        Assert.False(await instance.Store.PutAsync(Given.Key(), Given.Response()));
        await Eventually.HoldsAsync(() => instance.Log.All.Count == 1);

        await redis.InitializeAsync();
        await Eventually.HoldsAsync(() => instance.Near.IsTrusted);
        await instance.PutAsync(Given.Key(), Given.Response());
    }

    [Fact]
    public async Task What_could_not_be_removed_is_not_served_and_removed_when_Redis_is_back()
    {
        await using var redis = new RedisServer();
        await redis.InitializeAsync();
        await using var instance = await CacheInstance.StartAsync(redis, bound: Bound);
        await Eventually.HoldsAsync(() => instance.Store.PutAsync(Given.Key(), Given.Response()).AsTask());
        await Eventually.HoldsAsync(async () => (await redis.KeysAsync()).Count == 1);

        await redis.FreezeAsync();
        await instance.Store.RemoveAsync(Given.Key());
        await instance.Store.PurgeAsync(
            new CacheSelector(null, "openai", null, null, null), TestContext.Current.CancellationToken);
        await redis.ThawAsync();

        await Eventually.HoldsAsync(async () => (await redis.KeysAsync()).Count == 0);
        Assert.False(await instance.FindsAsync(Given.Key()));
    }
}
