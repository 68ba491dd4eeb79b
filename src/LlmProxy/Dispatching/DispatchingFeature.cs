using LlmProxy.Dispatching.Sinks;
using LlmProxy.Events;

namespace LlmProxy.Dispatching;

/// <summary>Delivery of events by the server itself.</summary>
internal static class DispatchingFeature
{
    /// <summary>
    /// Adds the file of events, when there is to be one. To be called before the bus is added: what is added first
    /// stops last.
    /// </summary>
    public static IServiceCollection AddFileEventLog(
        this IServiceCollection services, EventOptions events, FileRotation rotation)
    {
        if (events is { IsOn: true, FileLog: not null })
        {
            services.AddSingleton(rotation);
            services.AddSingleton<InProcessDispatch>();
            services.AddHostedService(static provider => provider.GetRequiredService<InProcessDispatch>());
        }

        return services;
    }
}
