using LlmProxy.Http;
using Microsoft.Extensions.Primitives;

namespace LlmProxy.Providers;

/// <summary>
/// What browsers' pages may do (Fetch standard, "CORS protocol"). Decided here from the provider's list of origins;
/// what the upstream says about it is not passed on. No page may send cookies or other ambient credentials.
/// </summary>
internal static class Cors
{
    private const string DefaultRequestHeaders = "Authorization, Content-Type";
    private const string PreflightVary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

    // Headers of an answer that scripts may read, beside the few that they always may.
    private const string ReadableHeaders = "X-LLM-Proxy-Request-ID, X-Request-ID, Server-Timing, Retry-After, "
        + "RateLimit, RateLimit-Policy, X-Token-Expires-In, Cache-Status, X-Should-Retry, X-RateLimit-Limit-Requests, "
        + "X-RateLimit-Limit-Tokens, X-RateLimit-Remaining-Requests, X-RateLimit-Remaining-Tokens, "
        + "X-RateLimit-Reset-Requests, X-RateLimit-Reset-Tokens, OpenAI-Processing-Ms, OpenAI-Version";

    /// <summary>A browser's question, before a request, whether it may make it.</summary>
    public static bool IsPreflight(HttpRequest request) =>
        HttpMethods.IsOptions(request.Method)
        && request.Headers.Origin.Count > 0
        && request.Headers.AccessControlRequestMethod.Count > 0;

    /// <summary>Answers a preflight. It never goes upstream, and needs no token: browsers send none with it.</summary>
    public static Task AnswerPreflightAsync(HttpContext http, ProviderRoute? route)
    {
        var (request, response) = (http.Request, http.Response);
        response.Headers.Vary = PreflightVary;
        if (route is not { } destination)
        {
            return Refusal.UnknownEndpoint.WriteToAsync(response);
        }

        var origin = request.Headers.Origin;
        if (!destination.Provider.Rules.AllowsOrigin(origin))
        {
            return Refusal.OriginNotAllowed.WriteToAsync(response);
        }

        response.Headers.AccessControlAllowOrigin = origin;
        if (!destination.EndpointIsAllowed)
        {
            return Refusal.UnknownEndpoint.WriteToAsync(response);
        }

        response.StatusCode = StatusCodes.Status204NoContent;
        response.Headers.AccessControlAllowMethods = destination.Provider.Rules.Methods;
        response.Headers.AccessControlAllowHeaders = RequestedHeaders(request.Headers.AccessControlRequestHeaders);
        response.Headers.AccessControlMaxAge = "86400";
        return Task.CompletedTask;
    }

    /// <summary>
    /// Lets a page of a listed origin read this answer, be it the provider's or a refusal. Call it when the upstream's
    /// headers are there: what they say in <c>Vary</c> is kept.
    /// </summary>
    public static void Mark(HttpResponse response, HttpRequest request, Provider provider)
    {
        if (!provider.Rules.HasOrigins)
        {
            return;
        }

        var headers = response.Headers;
        headers.Vary = StringValues.Concat(headers.Vary, "Origin");
        if (provider.Rules.AllowsOrigin(request.Headers.Origin))
        {
            headers.AccessControlAllowOrigin = request.Headers.Origin;
            headers.AccessControlExposeHeaders = ReadableHeaders;
        }
    }

    private static string RequestedHeaders(StringValues requested)
    {
        var names = requested.ToString();
        if (names.Length == 0)
        {
            return DefaultRequestHeaders;
        }

        foreach (var range in names.AsSpan().Split(','))
        {
            if (!HeaderName.IsValid(names.AsSpan(range).Trim(' ')))
            {
                return DefaultRequestHeaders;
            }
        }

        return names;
    }
}
