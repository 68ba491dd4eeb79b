namespace LlmProxy.Management;

/// <summary>
/// The management API's frame: who may enter, what every answer has in common, health and description.
/// </summary>
internal static class ManagementFeature
{
    /// <param name="services">Where <see cref="TimeProvider"/> is registered already.</param>
    /// <param name="options">The settings.</param>
    /// <param name="askStore">Asks the store anything; throws when it does not answer.</param>
    public static IServiceCollection AddManagement(
        this IServiceCollection services,
        ManagementOptions options,
        Func<IServiceProvider, CancellationToken, Task> askStore)
    {
        services.AddSingleton(options);
        services.AddSingleton<LoginThrottle>();
        services.AddSingleton<ManagementGate>();
        services.AddSingleton<ManagementFailures>();
        services.AddSingleton<PageCursor>();
        services.AddSingleton(provider => new Readiness(
            aborted => askStore(provider, aborted),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<Readiness>>()));
        services.AddApiDescription();
        return services;
    }

    /// <summary>
    /// The group <c>/manage</c>, into which features map their resources. Everything in it is behind the gate, also
    /// what does not exist: a caller without the token learns nothing about paths.
    /// </summary>
    public static RouteGroupBuilder MapManagement(this IEndpointRouteBuilder app)
    {
        var manage = app.MapGroup("/manage")
            .AddEndpointFilter(app.ServiceProvider.GetRequiredService<ManagementGate>())
            .AddEndpointFilter(app.ServiceProvider.GetRequiredService<ManagementFailures>())
            .WithMetadata(new ManagementEndpoint())
            .Refuses(401, 429, 503);
        manage.Map("/{**path}", static () => Problems.UnknownPath.ToResult()).ExcludeFromDescription();
        return manage;
    }
}
