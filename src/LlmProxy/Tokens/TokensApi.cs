using System.Globalization;
using LlmProxy.Management;
using LlmProxy.Projects;

namespace LlmProxy.Tokens;

/// <summary>Tokens over HTTP: reads requests strictly, asks the <see cref="TokenIssuer"/>, writes answers.</summary>
/// <remarks>The comments of the handlers are the texts of the API description, which does not see private
/// ones.</remarks>
internal static class TokensApi
{
    private const string ProjectFilter = "projectId";
    private const string ActiveFilter = "activeOnly";

    public static IServiceCollection AddTokensApi(this IServiceCollection services)
    {
        services.AddSingleton(static provider =>
            new ProjectTokens(provider.GetRequiredService<TokenIssuer>().RevokeAllAsync));
        return services.DescribeTypes(TokensJson.Default);
    }

    /// <param name="manage">The group that <see cref="ManagementFeature.MapManagement"/> answers.</param>
    public static void MapTokens(this IEndpointRouteBuilder manage)
    {
        var tokens = manage.MapGroup("").WithTags("Tokens");
        tokens.MapMethods("/tokens", Methods.Read, ListAsync).WithName("listTokens")
            .Takes(new QueryParameter(ProjectFilter, QueryParameterKind.Id, "Only tokens of this project."))
            .Takes(new QueryParameter(ActiveFilter, QueryParameterKind.Switch,
                "Only tokens that are neither revoked nor expired."))
            .IsPaged().Produces<TokenPage>();
        tokens.MapPost("/tokens", IssueAsync).WithName("issueToken").Reads(typeof(IssueToken)).Refuses(403, 404)
            .Produces<IssuedToken>(StatusCodes.Status201Created);
        tokens.Map("/tokens", static (HttpContext http) => Methods.Refuse(http, "GET, HEAD, POST"))
            .ExcludeFromDescription();

        tokens.MapMethods("/tokens/{token}", Methods.Read, GetAsync).WithName("getToken").Refuses(404)
            .Produces<TokenAnswer>();
        tokens.MapPatch("/tokens/{token}", ChangeAsync).WithName("changeToken").Reads(typeof(ChangeToken))
            .Refuses(404).Produces<TokenAnswer>();
        tokens.MapDelete("/tokens/{token}", RevokeAsync).WithName("revokeToken").Refuses(404)
            .Produces(StatusCodes.Status204NoContent);
        tokens.Map("/tokens/{token}", static (HttpContext http) => Methods.Refuse(http, "GET, HEAD, PATCH, DELETE"))
            .ExcludeFromDescription();

        tokens.MapPost("/projects/{id}/tokens/revoke", RevokeAllAsync).WithName("revokeTokensOfProject").Refuses(404)
            .Produces<RevokedTokensAnswer>();
        tokens.Map("/projects/{id}/tokens/revoke", static (HttpContext http) => Methods.Refuse(http, "POST"))
            .ExcludeFromDescription();
    }

    /// <summary>List tokens</summary>
    /// <remarks>Newest first, in pages.</remarks>
    internal static async Task<IResult> ListAsync(
        HttpRequest request, TokenIssuer issuer, PageCursor cursors, CancellationToken aborted)
    {
        var query = ListQuery.Of(request, ProjectFilter, ActiveFilter);
        var (project, activeOnly, limit) = (query.Id(ProjectFilter), query.Switch(ActiveFilter), query.Limit());

        // The filters are part of the list's name, so that a cursor cannot be carried over to other ones.
        var list = string.Create(CultureInfo.InvariantCulture, $"tokens of {project} active {activeOnly}");
        var before = query.Position(cursors, list);
        if (query.Problem is { } problem)
        {
            return problem.ToResult();
        }

        // One more than asked for: whether it is there says whether there is a next page.
        var found = await issuer.ListAsync(
            new TokenQuery(project, activeOnly, before is null ? null : Guid.Parse(before), limit + 1), aborted);
        var page = new TokenPage
        {
            Data = [.. found.Take(limit).Select(TokenAnswer.Of)],
            NextCursor = found.Count > limit ? cursors.Write(list, found[limit - 1].Id.ToString()) : null,
        };
        return TypedResults.Json(page, TokensJson.Default.TokenPage);
    }

    /// <summary>Issue a token</summary>
    /// <remarks>The answer holds the secret, which is not kept and cannot be shown again.</remarks>
    internal static async Task<IResult> IssueAsync(HttpContext http, TokenIssuer issuer, TimeProvider clock)
    {
        var body = await StrictJson.ReadAsync(http.Request, TokensJson.Default.IssueToken);
        var (problem, order) = body.Problem is { } fault ? (fault, null) : TokenFields.Read(body, clock.GetUtcNow());
        if (order is null)
        {
            return problem!.ToResult();
        }

        var issued = await issuer.IssueAsync(order);
        if (issued is not { Row: { } row, Secret: { } secret })
        {
            return issued.Fault == IssueFault.ProjectInactive
                ? Problems.ProjectInactive.ToResult()
                : Problems.NotFound("project").ToResult();
        }

        http.Response.Headers.Location = $"/manage/tokens/{row.Id:D}";
        return TypedResults.Json(IssuedToken.Of(row, secret), TokensJson.Default.IssuedToken,
            statusCode: StatusCodes.Status201Created);
    }

    /// <summary>Get a token</summary>
    /// <remarks>By its id; its secret is taken too, and not shown.</remarks>
    internal static async Task<IResult> GetAsync(string token, TokenIssuer issuer, CancellationToken aborted) =>
        Answer(await issuer.FindAsync(token, aborted));

    /// <summary>Change a token</summary>
    /// <remarks>Members that are absent stay as they are. Requests that run are ended only by revoking.</remarks>
    internal static async Task<IResult> ChangeAsync(
        string token, HttpRequest request, TokenIssuer issuer, TimeProvider clock)
    {
        var body = await StrictJson.ReadAsync(request, TokensJson.Default.ChangeToken);
        var (problem, change) = body.Problem is { } fault ? (fault, null) : TokenFields.Read(body, clock.GetUtcNow());
        if (change is null)
        {
            return problem!.ToResult();
        }

        return await issuer.FindAsync(token, request.HttpContext.RequestAborted) is { } found
            ? Answer(await issuer.ChangeAsync(found.Id, change))
            : Answer(row: null);
    }

    /// <summary>Revoke a token</summary>
    /// <remarks>The next request is refused and what runs under the token ends within a second. Again is the
    /// same.</remarks>
    internal static async Task<IResult> RevokeAsync(string token, TokenIssuer issuer, CancellationToken aborted) =>
        await issuer.FindAsync(token, aborted) is { } found && await issuer.RevokeAsync(found.Id)
            ? TypedResults.NoContent()
            : Answer(row: null);

    /// <summary>Revoke all tokens of a project</summary>
    /// <remarks>The next requests are refused and what runs under the tokens ends within a second.</remarks>
    internal static async Task<IResult> RevokeAllAsync(string id, TokenIssuer issuer)
    {
        var revoked = Guid.TryParseExact(id, "D", out var project) ? await issuer.RevokeAllAsync(project) : null;
        return revoked is { } done
            ? TypedResults.Json(RevokedTokensAnswer.Of(done), TokensJson.Default.RevokedTokensAnswer)
            : Problems.NotFound("project").ToResult();
    }

    private static IResult Answer(TokenRow? row) => row is null
        ? Problems.NotFound("token").ToResult()
        : TypedResults.Json(TokenAnswer.Of(row), TokensJson.Default.TokenAnswer);
}
