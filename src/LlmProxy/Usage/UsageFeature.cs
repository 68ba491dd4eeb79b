using LlmProxy.Usage.Prices;

namespace LlmProxy.Usage;

/// <summary>The feature's door.</summary>
internal static class UsageFeature
{
    public static IServiceCollection AddUsage(this IServiceCollection services, UsageOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton<PriceTable>(options.Prices!);
        return services;
    }
}
