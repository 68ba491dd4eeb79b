using LlmProxy.Management;

namespace LlmProxy.Proxying;

/// <summary>Asks over HTTP what would become of a request.</summary>
/// <remarks>The comments of the handlers are the texts of the API description, which does not see private
/// ones.</remarks>
internal static class ExplainApi
{
    public static IServiceCollection AddExplainApi(this IServiceCollection services)
    {
        services.AddSingleton<Explanation>();
        return services.DescribeTypes(ExplainJson.Default);
    }

    /// <param name="manage">The group that <see cref="ManagementFeature.MapManagement"/> answers.</param>
    public static void MapExplain(this IEndpointRouteBuilder manage)
    {
        var tokens = manage.MapGroup("").WithTags("Tokens");
        tokens.MapPost("/tokens/{token}/explain", ExplainAsync).WithName("explainToken")
            .Reads(typeof(ExplainRequest)).Refuses(404).Produces<ExplainAnswer>();
        tokens.Map("/tokens/{token}/explain", static (HttpContext http) => Methods.Refuse(http, "POST"))
            .ExcludeFromDescription();
    }

    /// <summary>Explain what would become of a request</summary>
    /// <remarks>
    /// Takes the request through every check, forwards nothing, and uses nothing up. Says by which rule it would be
    /// refused, what would be reserved for it, and what remains of each limit.
    /// </remarks>
    internal static async Task<IResult> ExplainAsync(
        string token, HttpRequest request, Explanation explanation, CancellationToken aborted)
    {
        var body = await StrictJson.ReadAsync(request, ExplainJson.Default.ExplainRequest);
        if (body.Problem is { } problem)
        {
            return problem.ToResult();
        }

        if (!Explanation.IsText(body.Value.Body))
        {
            return Problems.InvalidField("body", "be valid Unicode").ToResult();
        }

        return await explanation.ExplainAsync(token, body.Value, aborted) is { } answer
            ? TypedResults.Json(answer, ExplainJson.Default.ExplainAnswer)
            : Problems.NotFound("token").ToResult();
    }
}
