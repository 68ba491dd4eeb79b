using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.HttpResults;

namespace LlmProxy.Management;

/// <summary>
/// What load balancers and supervisors ask, without a credential. The answers say nothing about why.
/// </summary>
internal static class HealthApi
{
    public static readonly string Version = typeof(HealthApi).Assembly.GetName().Version!.ToString(3);

    public static void MapHealth(this IEndpointRouteBuilder app)
    {
        var probes = app.MapGroup("").WithTags("Health");
        probes.MapMethods("/health", Methods.Read, Health)
            .WithName("getHealth")
            .WithSummary("Is the server up, and which version is it?")
            .Produces<HealthReport>();
        probes.MapMethods("/live", Methods.Read, Live)
            .WithName("getLive")
            .WithSummary("Does the process answer?")
            .WithDescription("For a supervisor that restarts what hangs. Does not look at the store.")
            .Produces<string>(StatusCodes.Status200OK, "text/plain");
        probes.MapMethods("/ready", Methods.Read, ReadyAsync)
            .WithName("getReady")
            .WithSummary("Should requests be sent here?")
            .WithDescription("503 while the store does not answer within two seconds and while the server shuts down.")
            .Produces<string>(StatusCodes.Status200OK, "text/plain")
            .Produces<string>(StatusCodes.Status503ServiceUnavailable, "text/plain");

        foreach (var path in (string[])["/health", "/live", "/ready"])
        {
            probes.Map(path, static (HttpContext http) => Methods.Refuse(http, "GET, HEAD")).ExcludeFromDescription();
        }
    }

    private static JsonHttpResult<HealthReport> Health(HttpResponse response, TimeProvider clock)
    {
        Mark(response);
        return TypedResults.Json(
            new HealthReport { Status = "ok", Timestamp = clock.GetUtcNow().UtcDateTime, Version = Version },
            HealthJson.Default.HealthReport);
    }

    private static ContentHttpResult Live(HttpResponse response)
    {
        Mark(response);
        return TypedResults.Text("alive");
    }

    private static async Task<IResult> ReadyAsync(HttpContext http, Readiness readiness)
    {
        Mark(http.Response);
        return await readiness.IsReadyAsync(http.RequestAborted)
            ? TypedResults.Text("ready")
            : TypedResults.Text("not ready", statusCode: StatusCodes.Status503ServiceUnavailable);
    }

    private static void Mark(HttpResponse response)
    {
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
    }
}

/// <summary>The server's word about itself.</summary>
internal sealed record HealthReport
{
    /// <summary>Always <c>ok</c>: a server that is not does not answer.</summary>
    /// <example>ok</example>
    public required string Status { get; init; }

    /// <summary>The server's clock.</summary>
    /// <example>2026-01-31T12:00:00Z</example>
    public required DateTime Timestamp { get; init; }

    /// <summary>The version of the server.</summary>
    /// <example>0.1.0</example>
    public required string Version { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(HealthReport))]
[JsonSerializable(typeof(string))]
internal sealed partial class HealthJson : JsonSerializerContext;
