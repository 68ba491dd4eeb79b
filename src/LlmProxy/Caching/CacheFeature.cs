using LlmProxy.Caching.Redis;
using LlmProxy.Providers;

namespace LlmProxy.Caching;

/// <summary>The feature's door.</summary>
internal static class CacheFeature
{
    public static IServiceCollection AddCaching(this IServiceCollection services, CacheOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton<CacheClock>();
        services.AddSingleton<Flights>();
        services.AddSingleton(new TapeBudget(options.BytesMax));
        services.AddSingleton(static provider => new CacheMetrics(
            provider.GetRequiredService<ProviderTable>(), () => provider.GetRequiredService<ICacheStore>().Size));
        services.AddSingleton(provider => new CacheDesk(
            options,
            provider.GetRequiredService<CacheMetrics>(),
            options.IsOn ? provider.GetRequiredService<ICacheStore>() : null,
            provider.GetRequiredService<Flights>(),
            provider.GetService<RedisLink>() is { } redis ? () => redis.IsUp : null));
        return options is { IsOn: true, Backend: CacheBackend.Redis }
            ? services.AddRedisStore(options, provider => MemoryFor(options, provider))
                .AddSingleton<ICacheStore>(static provider => provider.GetRequiredService<RedisStore>())
            : services.AddSingleton<ICacheStore>(provider => MemoryFor(options, provider));
    }

    private static MemoryStore MemoryFor(CacheOptions options, IServiceProvider provider) =>
        new(options.BytesMax, provider.GetRequiredService<TimeProvider>());
}
