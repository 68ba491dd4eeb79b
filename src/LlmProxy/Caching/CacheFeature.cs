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
        services.AddSingleton<ICacheStore>(provider =>
            new MemoryStore(options.BytesMax, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(static provider => new CacheMetrics(
            provider.GetRequiredService<ProviderTable>(), () => provider.GetRequiredService<ICacheStore>().Size));
        return services;
    }
}
