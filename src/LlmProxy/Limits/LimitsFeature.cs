namespace LlmProxy.Limits;

/// <summary>The feature's door.</summary>
internal static class LimitsFeature
{
    public static IServiceCollection AddLimits(this IServiceCollection services, LimitsOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton<AddressLimit>();
        services.AddSingleton<LeaseStore>();
        services.AddSingleton<LeaseOffice>();
        services.AddHostedService(static provider => provider.GetRequiredService<LeaseOffice>());
        services.AddSingleton<CacheHitStore>();
        services.AddSingleton<CacheHits>();
        services.AddHostedService(static provider => provider.GetRequiredService<CacheHits>());
        return services;
    }
}
