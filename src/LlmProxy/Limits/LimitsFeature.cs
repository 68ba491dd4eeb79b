namespace LlmProxy.Limits;

/// <summary>The feature's door.</summary>
internal static class LimitsFeature
{
    public static IServiceCollection AddLimits(this IServiceCollection services)
    {
        services.AddSingleton<LeaseStore>();
        services.AddSingleton<LeaseOffice>();
        services.AddHostedService(static provider => provider.GetRequiredService<LeaseOffice>());
        return services;
    }
}
