using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace LlmProxy.Http;

/// <summary>
/// A way in which the proxy itself ends a request. The provider's own errors pass through untouched.
/// </summary>
/// <param name="Status">The HTTP status the caller sees.</param>
/// <param name="Code">A stable word that clients and dashboards match on: added to, never renamed.</param>
/// <param name="Type">The error type in OpenAI's vocabulary, which its SDKs show.</param>
/// <param name="Message">One English sentence for a person. Says nothing that helps to guess a token.</param>
internal sealed record Refusal(int Status, string Code, string Type, string Message)
{
    private const string BadRequest = "invalid_request_error";
    private const string Denied = "permission_error";
    private const string Unavailable = "server_error";
    private const string Upstream = "upstream_error";

    public static readonly Refusal InvalidTarget = new(400, "invalid_target", BadRequest,
        "The request target holds characters or segments that no API path has.");

    public static readonly Refusal InvalidHeader = new(400, "invalid_header", BadRequest,
        "A request header holds a control character or contradicts another one.")
    {
        CloseConnection = true,
    };

    public static readonly Refusal InvalidFraming = new(400, "invalid_framing", BadRequest,
        "The request body is not framed as HTTP/1.1 demands.")
    {
        CloseConnection = true,
    };

    public static readonly Refusal InvalidBody = new(400, "invalid_body", BadRequest,
        "The request body must be one JSON object without duplicate keys to be judged.");

    public static readonly Refusal UnsupportedBody = new(415, "unsupported_media_type", BadRequest,
        "This endpoint takes an uncompressed application/json body only, because a rule judges it.");

    public static readonly Refusal ParamNotAllowed = new(400, "param_not_allowed", BadRequest,
        "A parameter has a value that is not allowed here.");

    public static readonly Refusal HeaderRequired = new(400, "header_required", BadRequest,
        "A required header is missing.");

    public static readonly Refusal OriginRequired = new(400, "origin_required", BadRequest,
        "The Origin header is required.");

    public static readonly Refusal OriginNotAllowed = new(403, "origin_not_allowed", Denied,
        "This origin is not allowed.");

    public static readonly Refusal InvalidToken = new(401, "invalid_token", "authentication_error",
        "The token is missing or not valid.")
    {
        Challenge = "Bearer realm=\"llm-proxy\"",
    };

    public static readonly Refusal ProjectInactive = new(403, "project_inactive", Denied,
        "The project is switched off.");

    public static readonly Refusal UnknownEndpoint = new(404, "endpoint_not_found", BadRequest,
        "No provider serves this path.");

    public static readonly Refusal MethodNotAllowed = new(405, "method_not_allowed", BadRequest,
        "This method is not allowed here.");

    public static readonly Refusal RequestTimeout = new(408, "request_timeout", BadRequest,
        "The request body did not arrive in time.")
    {
        CloseConnection = true,
    };

    public static readonly Refusal RequestTooLarge = new(413, "request_too_large", BadRequest,
        "The request body is larger than this proxy accepts.")
    {
        CloseConnection = true,
    };

    public static readonly Refusal ProjectExpired = new(403, "project_expired", Denied,
        "The project has expired.");

    public static readonly Refusal EndpointNotAllowed = new(403, "endpoint_not_allowed", Denied,
        "The token or its project may not use this endpoint.");

    public static readonly Refusal ModelNotAllowed = new(403, "model_not_allowed", Denied,
        "The token or its project may not use this model.");

    public static readonly Refusal UsageNotMeasurable = new(403, "usage_not_measurable", Denied,
        "What this request uses cannot be measured, and the token or its project has a limit of tokens or money.");

    public static readonly Refusal PriceUnknown = new(403, "price_unknown", Denied,
        "This model has no known price, and the token or its project has a limit of money.");

    public static readonly Refusal RateLimited = new(429, "rate_limit_exceeded", "requests",
        "A limit of requests or tokens a minute, or of requests at a time, is reached.")
    {
        RetryAfter = TimeSpan.FromSeconds(1),
    };

    public static readonly Refusal AllowanceSpent = new(429, "insufficient_quota", "insufficient_quota",
        "The token or its project has nothing left of a limit that does not reset.")
    {
        ForGood = true,
    };

    public static readonly Refusal InternalError = new(500, "internal_error", Unavailable,
        "The proxy failed. The request id helps its operator to find out why.");

    public static readonly Refusal UpstreamUnreachable = new(502, "upstream_unreachable", Upstream,
        "The provider could not be reached.");

    public static readonly Refusal UpstreamInvalid = new(502, "upstream_invalid_response", Upstream,
        "The provider's answer was not valid HTTP.");

    public static readonly Refusal Overloaded = new(503, "overloaded", Unavailable,
        "The proxy is serving as many requests as it may.")
    {
        RetryAfter = TimeSpan.FromSeconds(1),
    };

    public static readonly Refusal StoreUnavailable = new(503, "store_unavailable", Unavailable,
        "The token could not be checked just now.")
    {
        RetryAfter = TimeSpan.FromSeconds(1),
    };

    public static readonly Refusal UpstreamSuspended = new(503, "upstream_suspended", Upstream,
        "The provider failed too often just now, and is not asked for a moment.")
    {
        RetryAfter = TimeSpan.FromSeconds(5),
    };

    public static readonly Refusal UpstreamTimeout = new(504, "upstream_timeout", Upstream,
        "The provider did not answer in time.");

    // RFC 9111 §5.2.1.7 wants this status, although it is the client who asked for it.
    public static readonly Refusal NotInCache = new(504, "not_in_cache", BadRequest,
        "The request wants a stored answer only, and none is stored that may be used.");

    /// <summary>The request's parameter or header that caused the refusal, where there is one.</summary>
    public string? Param { get; init; }

    /// <summary>Sent as <c>Retry-After</c> (RFC 9110 §10.2.3), whole seconds rounded up.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Sent as <c>Allow</c> (RFC 9110 §10.2.1), which a 405 must carry.</summary>
    public string? Allow { get; init; }

    /// <summary>Sent as <c>WWW-Authenticate</c> (RFC 9110 §11.6.1), which a 401 must carry.</summary>
    public string? Challenge { get; init; }

    /// <summary>
    /// Trying again cannot help: sent as <c>x-should-retry: false</c>, which the official SDKs for Python and
    /// JavaScript obey. The one for .NET does not look at it.
    /// </summary>
    public bool ForGood { get; init; }

    /// <summary>What follows on this connection cannot be trusted to be the next request.</summary>
    public bool CloseConnection { get; init; }

    /// <summary>Every row, for the documentation's table and the test that holds it.</summary>
    public static IReadOnlyList<Refusal> All { get; } =
    [
        InvalidTarget, InvalidHeader, InvalidFraming, InvalidBody, UnsupportedBody, ParamNotAllowed, HeaderRequired,
        OriginRequired, OriginNotAllowed, InvalidToken, ProjectInactive, ProjectExpired, EndpointNotAllowed,
        ModelNotAllowed, UsageNotMeasurable, PriceUnknown, UnknownEndpoint, MethodNotAllowed, RequestTimeout,
        RequestTooLarge, RateLimited, AllowanceSpent, InternalError, UpstreamUnreachable, UpstreamInvalid, Overloaded,
        StoreUnavailable, UpstreamSuspended, UpstreamTimeout,
    ];

    /// <summary>
    /// Writes the refusal in the form that OpenAI's clients know. The response must not have started.
    /// </summary>
    public Task WriteToAsync(HttpResponse response)
    {
        var headers = response.Headers;
        response.StatusCode = Status;
        headers.ContentType = "application/json";
        headers.CacheControl = "no-store";
        headers.WWWAuthenticate = Challenge;
        headers.Allow = Allow;
        if (RetryAfter is { } wait)
        {
            headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString("0", CultureInfo.InvariantCulture);
        }

        if (ForGood)
        {
            headers["x-should-retry"] = "false";
        }

        if (CloseConnection)
        {
            headers.Connection = "close";
        }

        var body = Body();
        response.ContentLength = body.Length;
        return HttpMethods.IsHead(response.HttpContext.Request.Method)
            ? Task.CompletedTask
            : response.Body.WriteAsync(body, response.HttpContext.RequestAborted).AsTask();
    }

    private byte[] Body() =>
        JsonSerializer.SerializeToUtf8Bytes(new RefusalBody(new(Message, Type, Param, Code)),
            RefusalJson.Default.RefusalBody);
}

/// <summary>OpenAI's error object, the members in its order; <c>param</c> is there even when it is null.</summary>
internal sealed record RefusalBody(RefusalError Error);

internal sealed record RefusalError(string Message, string Type, string? Param, string Code);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(RefusalBody))]
internal sealed partial class RefusalJson : JsonSerializerContext;
