namespace LlmProxy.Events.Redis;

/// <summary>The door of the bus on Redis.</summary>
internal static class RedisBusFeature
{
    /// <summary>
    /// Adds what sends the events of the bus to Redis. To be called before the bus itself is added as a hosted
    /// service: those stop in the opposite order, and the bus must have handed over its last events before this ends.
    /// </summary>
    /// <param name="services">
    /// Must have <see cref="EventBus"/>, <see cref="EventMetrics"/> and <see cref="TimeProvider"/>.
    /// </param>
    /// <param name="events">How much may wait in memory.</param>
    /// <param name="options">Where Redis and the spool are.</param>
    public static IServiceCollection AddRedisBus(
        this IServiceCollection services, EventOptions events, RedisBusOptions options)
    {
        services.AddSingleton(provider => new StreamLink(
            options.Stream.Address, "events wait in the spool until it is back",
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<StreamLink>>()));
        services.AddSingleton(provider => new StreamTail(
            provider.GetRequiredService<StreamLink>(), options.Stream, options.LengthMax));
        services.AddSingleton(provider => Spool.Open(
            options.SpoolFile, options.SpoolBytesMax, provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<Spool>>()));
        services.AddHostedService(provider => new RedisPublisher(
            provider.GetRequiredService<EventBus>().Subscribe(
                RedisPublisher.Name, events.BufferSize, events.BufferBytes),
            provider.GetRequiredService<StreamTail>(),
            provider.GetRequiredService<Spool>(),
            provider.GetRequiredService<EventMetrics>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<RedisPublisher>>()));
        return services;
    }
}
