namespace LlmProxy.Limits;

internal static class LimitsFeature
{
    public static IServiceCollection AddLimits(this IServiceCollection services)
    {
        services.AddSingleton<LeaseOffice>();
        services.AddHostedService(static provider => provider.GetRequiredService<LeaseOffice>());
        return services;
    }
}
