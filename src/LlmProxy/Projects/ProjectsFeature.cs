namespace LlmProxy.Projects;

/// <summary>The feature's door.</summary>
internal static class ProjectsFeature
{
    public static IServiceCollection AddProjects(this IServiceCollection services)
    {
        services.AddSingleton<ProjectStore>();
        services.AddSingleton<ProjectKeys>();
        services.AddSingleton<LiveProjects>();
        services.AddSingleton<ProjectDirectory>();
        return services;
    }
}
