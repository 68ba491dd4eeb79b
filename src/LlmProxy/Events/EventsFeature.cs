namespace LlmProxy.Events;

/// <summary>The bus of this process. Who subscribes is up to others.</summary>
internal static class EventsFeature
{
    public static IServiceCollection AddEvents(this IServiceCollection services, EventOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton<EventMetrics>();
        services.AddSingleton<EventBus>();
        services.AddHostedService(static provider => provider.GetRequiredService<EventBus>());
        return services;
    }
}
