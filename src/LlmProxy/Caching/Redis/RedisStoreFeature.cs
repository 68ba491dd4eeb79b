using LlmProxy.Secrets;
using LlmProxy.Storage;

namespace LlmProxy.Caching.Redis;

/// <summary>The door of the Redis store.</summary>
internal static class RedisStoreFeature
{
    /// <summary>
    /// Adds <see cref="RedisStore"/>, and what keeps it going; whoever calls it makes it the <see cref="ICacheStore"/>.
    /// A wrong address throws <see cref="Settings.StartFailure"/>.
    /// </summary>
    /// <param name="services">
    /// Must have the master key, <see cref="CacheClock"/> and <see cref="TimeProvider"/>.
    /// </param>
    /// <param name="options">Where Redis is, and how long a body may be.</param>
    /// <param name="memory">What stands before Redis.</param>
    public static IServiceCollection AddRedisStore(
        this IServiceCollection services, CacheOptions options, Func<IServiceProvider, ICacheStore> memory)
    {
        var address = RedisAddress.Read(options.RedisUrl, "REDIS_CACHE_URL");
        services.AddSingleton(address);
        services.AddSingleton<RedisMetrics>();
        services.AddSingleton<RedisLink>();
        services.AddSingleton(provider => new EntrySeal(
            provider.GetRequiredService<MasterKey>(), options.RedisKeyPrefix));
        services.AddSingleton(provider => new NearStore(memory(provider), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new FarStore(
            provider.GetRequiredService<RedisLink>(), provider.GetRequiredService<EntrySeal>(),
            provider.GetRequiredService<RedisMetrics>(), options.RedisKeyPrefix, options.ObjectBytesMax));
        services.AddSingleton<FarPurge>();
        services.AddSingleton<RedisStore>();
        services.AddHostedService<RedisPulse>();
        return services;
    }
}
