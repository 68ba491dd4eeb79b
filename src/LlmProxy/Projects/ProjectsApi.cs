using LlmProxy.Management;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LlmProxy.Projects;

/// <summary>
/// Projects over HTTP: reads requests strictly, asks the <see cref="ProjectDirectory"/>, writes answers.
/// </summary>
/// <remarks>The comments of the handlers are the texts of the API description, which does not see private
/// ones.</remarks>
internal static class ProjectsApi
{
    private const string ListName = "projects";

    public static IServiceCollection AddProjectsApi(this IServiceCollection services) =>
        services.DescribeTypes(ProjectsJson.Default);

    /// <param name="manage">The group that <see cref="ManagementFeature.MapManagement"/> answers.</param>
    public static void MapProjects(this IEndpointRouteBuilder manage)
    {
        var projects = manage.MapGroup("/projects").WithTags("Projects");
        projects.MapMethods("", Methods.Read, ListAsync).WithName("listProjects").IsPaged().Produces<ProjectPage>();
        projects.MapPost("", CreateAsync).WithName("createProject").Reads(typeof(CreateProject)).Refuses(409)
            .Produces<ProjectAnswer>(StatusCodes.Status201Created);
        projects.Map("", static (HttpContext http) => Methods.Refuse(http, "GET, HEAD, POST"))
            .ExcludeFromDescription();

        projects.MapMethods("/{id}", Methods.Read, GetAsync).WithName("getProject").Refuses(404)
            .Produces<ProjectAnswer>();
        projects.MapPatch("/{id}", ChangeAsync).WithName("changeProject").Reads(typeof(ChangeProject))
            .Refuses(404, 409).Produces<ProjectAnswer>();
        projects.MapDelete("/{id}", DeleteAsync).WithName("deleteProject").Refuses(404)
            .Produces(StatusCodes.Status204NoContent);
        projects.Map("/{id}", static (HttpContext http) => Methods.Refuse(http, "GET, HEAD, PATCH, DELETE"))
            .ExcludeFromDescription();
    }

    /// <summary>List projects</summary>
    /// <remarks>By name, in pages.</remarks>
    internal static async Task<IResult> ListAsync(
        HttpRequest request, ProjectDirectory directory, PageCursor cursors, CancellationToken aborted)
    {
        var query = ListQuery.Of(request);
        var (limit, after) = (query.Limit(), query.Position(cursors, ListName));
        if (query.Problem is { } problem)
        {
            return problem.ToResult();
        }

        // One more than asked for: whether it is there says whether there is a next page.
        var found = await directory.ListAsync(after ?? string.Empty, limit + 1, aborted);
        var page = new ProjectPage
        {
            Data = [.. found.Take(limit).Select(ProjectAnswer.Of)],
            NextCursor = found.Count > limit ? cursors.Write(ListName, found[limit - 1].Name) : null,
        };
        return TypedResults.Json(page, ProjectsJson.Default.ProjectPage);
    }

    /// <summary>Create a project</summary>
    /// <remarks>The provider key is sealed at once and not shown again, but for its last four characters.</remarks>
    internal static async Task<IResult> CreateAsync(HttpContext http, ProjectDirectory directory, TimeProvider clock)
    {
        var body = await StrictJson.ReadAsync(http.Request, ProjectsJson.Default.CreateProject);
        var (problem, order) = body.Problem is { } fault ? (fault, null) : ProjectFields.Read(body, clock.GetUtcNow());
        if (order is null)
        {
            return problem!.ToResult();
        }

        var outcome = await directory.CreateAsync(
            order.Name, order.ProviderKey, order.End, order.Limits, order.CaptureBodies);
        if (outcome.Row is { } created)
        {
            http.Response.Headers.Location = $"/manage/projects/{created.Id:D}";
        }

        return Answer(outcome, StatusCodes.Status201Created);
    }

    /// <summary>Get a project</summary>
    /// <remarks>The provider key is not shown, but for its last four characters.</remarks>
    internal static async Task<IResult> GetAsync(string id, ProjectDirectory directory, CancellationToken aborted) =>
        IdOf(id) is { } project && await directory.FindAsync(project, aborted) is { } row
            ? Answer(row, StatusCodes.Status200OK)
            : Problems.NotFound("project").ToResult();

    /// <summary>Change a project</summary>
    /// <remarks>
    /// Members that are absent stay as they are. A new provider key serves the very next request; switching the
    /// project off refuses its tokens until it is switched on again.
    /// </remarks>
    internal static async Task<IResult> ChangeAsync(
        string id, HttpRequest request, ProjectDirectory directory, ProjectTokens tokens, TimeProvider clock)
    {
        var body = await StrictJson.ReadAsync(request, ProjectsJson.Default.ChangeProject);
        var (problem, change) = body.Problem is { } fault ? (fault, null) : ProjectFields.Read(body, clock.GetUtcNow());
        if (change is null)
        {
            return problem!.ToResult();
        }

        if (IdOf(id) is not { } project)
        {
            return Problems.NotFound("project").ToResult();
        }

        var outcome = await directory.ChangeAsync(project, change);
        if (outcome.Row is not null && body.Value.RevokeTokens)
        {
            await tokens.RevokeAllAsync(project);
        }

        return Answer(outcome, StatusCodes.Status200OK);
    }

    /// <summary>Delete a project</summary>
    /// <remarks>Its tokens go with it; what runs under them ends within a second.</remarks>
    internal static async Task<IResult> DeleteAsync(string id, ProjectDirectory directory) =>
        IdOf(id) is { } project && await directory.DeleteAsync(project)
            ? TypedResults.NoContent()
            : Problems.NotFound("project").ToResult();

    private static Guid? IdOf(string text) => Guid.TryParseExact(text, "D", out var id) ? id : null;

    private static IResult Answer(ProjectOutcome outcome, int status) => outcome switch
    {
        { Row: { } row } => Answer(row, status),
        { Fault: ProjectFault.NameTaken } => Problems.DuplicateName.ToResult(),
        _ => Problems.NotFound("project").ToResult(),
    };

    private static JsonHttpResult<ProjectAnswer> Answer(ProjectRow row, int status) =>
        TypedResults.Json(ProjectAnswer.Of(row), ProjectsJson.Default.ProjectAnswer, statusCode: status);
}
