using System.Text.Json.Serialization;

namespace LlmProxy.Http;

/// <summary>
/// An error of the management API as RFC 9457 problem details. <paramref name="Code"/> is the stable word that
/// programs match on; <paramref name="Field"/> names the member of the request that is wrong, where there is one.
/// </summary>
internal sealed record Problem(
    [property: JsonPropertyName("type")] string Type,
    [property: JsonPropertyName("title")] string Title,
    [property: JsonPropertyName("status")] int Status,
    [property: JsonPropertyName("code")] string Code,
    [property: JsonPropertyName("detail")] string Detail,
    [property: JsonPropertyName("field"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Field)
{
    /// <summary>The media type of RFC 9457 §3.</summary>
    public const string MediaType = "application/problem+json";

    public static Problem Of(int status, string code, string detail, string? field = null) =>
        new("about:blank", TitleOf(status), status, code, detail, field);

    /// <summary>The problem as an answer of a minimal-API endpoint.</summary>
    public IResult ToResult() => TypedResults.Json(this, ProblemJson.Default.Problem, MediaType, Status);

    /// <summary>Writes the problem where no endpoint is at hand. The response must not have started.</summary>
    public Task WriteToAsync(HttpContext http) => ToResult().ExecuteAsync(http);

    private static string TitleOf(int status) => status switch
    {
        400 => "Bad request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not found",
        405 => "Method not allowed",
        409 => "Conflict",
        413 => "Content too large",
        415 => "Unsupported media type",
        429 => "Too many requests",
        503 => "Service unavailable",
        _ => "Error",
    };
}

[JsonSerializable(typeof(Problem))]
internal sealed partial class ProblemJson : JsonSerializerContext;
