using LlmProxy.Usage.Prices;

namespace LlmProxy.Usage.Statistics;

/// <summary>The feature's door.</summary>
internal static class UsageFeature
{
    public static IServiceCollection AddUsage(this IServiceCollection services, UsageOptions options)
    {
        services.AddSingleton<PriceTable>(options.Prices!);
        services.AddSingleton<UsageMetrics>();
        services.AddSingleton(new UsageRetention(options.Retention));
        services.AddSingleton<UsageStore>();
        services.AddSingleton<UsageStatistics>();
        services.AddHostedService(static provider => provider.GetRequiredService<UsageStatistics>());
        return services;
    }
}
