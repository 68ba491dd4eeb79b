namespace LlmProxy.Tokens;

/// <summary>The feature's door.</summary>
internal static class TokensFeature
{
    public static IServiceCollection AddTokens(this IServiceCollection services)
    {
        services.AddSingleton<TokenStore>();
        services.AddSingleton<TokenGate>();
        services.AddSingleton<TokenIssuer>();
        services.AddHostedService<ChangeWatch>();
        return services;
    }
}
