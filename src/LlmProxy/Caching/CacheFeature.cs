using LlmProxy.Providers;

namespace LlmProxy.Caching;

/// <summary>The feature's door.</summary>
internal static class CacheFeature
{
    public static IServiceCollection AddCaching(this IServiceCollection services, CacheOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton<CacheClock>();
        services.AddSingleton(static provider => new CacheMetrics(
            provider.GetRequiredService<ProviderTable>(),
            () => provider.GetService<ICacheStore>()?.Size ?? default));
        services.AddSingleton(static provider => new CacheDesk(
            provider.GetRequiredService<CacheOptions>(),
            provider.GetRequiredService<CacheMetrics>(),
            provider.GetService<ICacheStore>(),
            redisIsUp: null));
        return services;
    }
}
