namespace LlmProxy.Secrets;

/// <summary>The feature's door.</summary>
internal static class SecretsFeature
{
    public static IServiceCollection AddSecrets(this IServiceCollection services, SecretsOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton<MasterKey>();
        services.AddSingleton<Sealer>();
        services.AddSingleton<TokenHasher>();
        return services;
    }
}
