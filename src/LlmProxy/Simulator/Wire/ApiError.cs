using System.Text.Json;

namespace LlmProxy.Simulator.Wire;

/// <summary>
/// An error in the two shapes that clients of the imitated providers parse: OpenAI's, and Anthropic's under
/// <c>/v1/messages</c>.
/// </summary>
internal sealed record ApiError(int Status, string Type, string Message, string? Code = null, string? Param = null)
{
    private const string Invalid = "invalid_request_error";

    public static readonly ApiError MissingCredential = new(401, Invalid,
        "No API key was sent. Send one as \"Authorization: Bearer KEY\" or as \"x-api-key: KEY\".", "missing_api_key");

    public static readonly ApiError InvalidCredential = new(401, Invalid,
        "The API key is not valid.", "invalid_api_key");

    public static readonly ApiError UnreadableBody = new(400, Invalid,
        "The body could not be read as one JSON object.", "invalid_json");

    public static readonly ApiError UnreadableForm = new(400, Invalid,
        "The body could not be read as multipart/form-data.", "invalid_multipart");

    public static readonly ApiError BodyTooLarge = new(413, Invalid,
        "The body is larger than this endpoint takes.", "request_too_large");

    public static ApiError UnknownPath(HttpRequest request) => new(404, Invalid,
        $"Invalid URL ({request.Method} {request.Path})", "unknown_url");

    public static ApiError WrongMethod(HttpRequest request) => new(405, Invalid,
        $"Not allowed to {request.Method} on {request.Path}.", "method_not_supported");

    public static ApiError NotFound(string what, string id) => new(404, Invalid,
        $"No {what} with the id '{id}' exists.", what == "model" ? "model_not_found" : "not_found", "id");

    public static ApiError Missing(string param) => new(400, Invalid,
        $"Missing required parameter: '{param}'.", "missing_required_parameter", param);

    public static ApiError InvalidValue(string param, string expected) => new(400, Invalid,
        $"Invalid value for '{param}': expected {expected}.", "invalid_value", param);

    public static ApiError InvalidFault(string header) => new(400, Invalid,
        $"The header '{header}' is not one of the simulator's, or its value has no meaning there.",
        "invalid_simulator_header", header);

    /// <summary>The error that a provider sends with a status when nothing more is known.</summary>
    public static ApiError OfStatus(int status) => status switch
    {
        401 => InvalidCredential,
        403 => new(403, Invalid, "The country, region or project is not supported.", "unsupported_country"),
        404 => new(404, Invalid, "The resource does not exist.", "not_found"),
        429 => new(429, "rate_limit_exceeded", "The rate limit was reached.", "rate_limit_exceeded"),
        503 => new(503, "server_error", "The engine is overloaded.", "overloaded"),
        >= 500 => new(status, "server_error", "The server had an error while it processed the request."),
        _ => new(status, Invalid, "The request could not be served."),
    };

    public void Write(Utf8JsonWriter json, bool asAnthropic)
    {
        json.WriteStartObject();
        if (asAnthropic)
        {
            json.WriteString("type"u8, "error"u8);
        }

        json.WriteStartObject("error"u8);
        if (asAnthropic)
        {
            json.WriteString("type"u8, AnthropicType);
            json.WriteString("message"u8, Message);
        }
        else
        {
            json.WriteString("message"u8, Message);
            json.WriteString("type"u8, Type);
            json.WriteString("param"u8, Param);
            json.WriteString("code"u8, Code);
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private string AnthropicType => Status switch
    {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        >= 500 => "api_error",
        _ => Invalid,
    };
}
