using LlmProxy.Caching;
using LlmProxy.Caching.Redis;
using LlmProxy.Secrets;
using LlmProxy.Settings;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace LlmProxy.Tests.Caching.Redis;

public sealed class RedisStoreFeatureTests
{
    [Fact]
    public async Task Puts_the_store_together()
    {
        await using var services = Services("redis://localhost:1").BuildServiceProvider();

        Assert.NotNull(services.GetRequiredService<RedisStore>());
        Assert.IsType<RedisPulse>(Assert.Single(services.GetServices<IHostedService>()));
    }

    [Fact]
    public void Does_not_start_with_a_wrong_address() =>
        Assert.Throws<StartFailure>(() => Services("localhost:6379"));

    private static IServiceCollection Services(string url) => new ServiceCollection()
        .AddLogging()
        .AddSingleton(TimeProvider.System)
        .AddSingleton<CacheClock>()
        .AddSecrets(new SecretsOptions(null, null))
        .AddRedisStore(
            new CacheOptions(
                true, CacheBackend.Redis, 1, 1, TimeSpan.Zero, true, [], true, 0, new Secret(url), "prefix:"),
            static _ => new PlainStore());
}
