namespace LlmProxy.Secrets;

internal static class SecretsFeature
{
    public static IServiceCollection AddSecrets(this IServiceCollection services, SecretsOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton<MasterKey>();
        services.AddSingleton<Sealer>();
        return services;
    }
}
