namespace LlmProxy.Caching;

/// <summary>The feature's door.</summary>
internal static class CacheFeature
{
    public static IServiceCollection AddCaching(this IServiceCollection services, CacheOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton<CacheClock>();
        services.AddSingleton<Flights>();
        return services;
    }
}
