using LlmProxy.Providers;

namespace LlmProxy.Proxying;

/// <summary>The data plane's registrations.</summary>
internal static class ProxyingFeature
{
    public static IServiceCollection AddProxying(this IServiceCollection services)
    {
        services.AddSingleton<AccessLog>();
        services.AddSingleton<BodyJudge>();
        services.AddSingleton<ConcurrencyLimit>();
        services.AddSingleton<Recorder>();
        services.AddSingleton<RequestJudge>();
        services.AddSingleton<CacheStep>();
        services.AddSingleton<CacheFill>();
        services.AddSingleton<CacheRefresh>();
        services.AddSingleton<ExchangeMeter>();
        services.AddHostedService(static provider => provider.GetRequiredService<ExchangeMeter>());
        services.AddSingleton<ProviderClients>();
        services.AddSingleton<ProxyPipeline>();
        return services;
    }
}
