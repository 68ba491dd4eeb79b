namespace LlmProxy.Projects;

internal static class ProjectsFeature
{
    public static IServiceCollection AddProjects(this IServiceCollection services)
    {
        services.AddSingleton<ProjectDirectory>();
        return services;
    }
}
