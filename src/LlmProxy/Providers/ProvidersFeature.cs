namespace LlmProxy.Providers;

/// <summary>The door of the feature.</summary>
internal static class ProvidersFeature
{
    public static void AddProviders(this IServiceCollection services, ProviderOptions options) =>
        services.AddSingleton(options.Table ?? throw new InvalidOperationException("The settings have complaints."));
}
