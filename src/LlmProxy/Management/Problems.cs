using LlmProxy.Http;

namespace LlmProxy.Management;

/// <summary>
/// Every way in which the management API refuses a request. The codes are stable: added to, never renamed.
/// </summary>
internal static class Problems
{
    public static readonly Problem Unauthorized = Problem.Of(401, "unauthorized",
        "The management token is missing or wrong. Send it as `Authorization: Bearer <token>`.");

    public static readonly Problem TooManyAttempts = Problem.Of(429, "too_many_attempts",
        "This address sent too many wrong management tokens and is not listened to for a while.");

    public static readonly Problem UnknownPath = Problem.Of(404, "not_found", "Nothing is served at this path.");

    public static readonly Problem MethodNotAllowed = Problem.Of(405, "method_not_allowed",
        "This method is not served here; the Allow header names those that are.");

    public static readonly Problem BodyTooLarge = Problem.Of(413, "body_too_large",
        $"The request body is larger than {StrictJson.BodyBytesMax} bytes.");

    public static readonly Problem UnsupportedMediaType = Problem.Of(415, "unsupported_media_type",
        "The request body must be application/json in UTF-8, without a content coding.");

    public static readonly Problem BodyIncomplete = Problem.Of(400, "body_incomplete",
        "The request body did not arrive whole.");

    public static readonly Problem InvalidCursor = Problem.Of(400, "invalid_cursor",
        "The cursor was not issued for this list and these filters. Start again without one.", "cursor");

    public static readonly Problem NothingToChange = Problem.Of(400, "missing_field",
        "The body names nothing to change.");

    public static readonly Problem DuplicateName = Problem.Of(409, "duplicate_name",
        "Another project has this name.", "name");

    public static readonly Problem ProjectInactive = Problem.Of(403, "project_inactive",
        "The project is switched off, so no token can be issued for it.", "project_id");

    public static readonly Problem StoreUnavailable = Problem.Of(503, "store_unavailable",
        "The database cannot be reached just now.");

    public static Problem NotFound(string what) => Problem.Of(404, "not_found", $"There is no such {what}.");

    public static Problem InvalidJson(string detail) => Problem.Of(400, "invalid_json", detail);

    public static Problem UnknownMember(string name) =>
        Problem.Of(400, "unknown_member", $"'{name}' is not a member of this request.", name);

    public static Problem DuplicateMember(string name) =>
        Problem.Of(400, "duplicate_member", $"'{name}' is given twice.", name);

    public static Problem UnknownParameter(string name) =>
        Problem.Of(400, "unknown_parameter", $"'{name}' is not a query parameter of this list.", name);

    public static Problem MissingField(string name) => Problem.Of(400, "missing_field", $"'{name}' is required.", name);

    /// <summary>One of two members that mean the same must be there.</summary>
    public static Problem MissingField(string name, string otherName) =>
        Problem.Of(400, "missing_field", $"'{name}' or '{otherName}' is required.", name);

    /// <param name="name">The member or query parameter.</param>
    /// <param name="expectation">Completes the sentence "'name' must …".</param>
    public static Problem InvalidField(string name, string expectation) =>
        Problem.Of(400, "invalid_field", $"'{name}' must {expectation}.", name);
}
