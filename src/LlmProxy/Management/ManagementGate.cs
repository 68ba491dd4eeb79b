using System.Globalization;
using LlmProxy.Http;
using LlmProxy.Secrets;

namespace LlmProxy.Management;

/// <summary>
/// Lets a request to <c>/manage</c> pass when it carries the management token, and nothing else. It is a filter of
/// the route group and not a middleware that compares paths: no spelling of a path reaches an endpoint around it.
/// </summary>
internal sealed class ManagementGate(ManagementOptions options, LoginThrottle throttle, ILogger<ManagementGate> logger)
    : IEndpointFilter
{
    private const string Scheme = "Bearer";

    public ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;

        // Answers hold tenant names, limits and, once, a token: no cache may keep them.
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers.XContentTypeOptions = "nosniff";
        return Judge(http) is { } problem ? ValueTask.FromResult<object?>(problem.ToResult()) : next(context);
    }

    private Problem? Judge(HttpContext http)
    {
        // A request without a readable credential is no guess, so it is refused and not counted.
        if (CredentialOf(http.Request) is not { } credential)
        {
            return Challenge(http.Response);
        }

        var address = http.Connection.RemoteIpAddress;
        var outcome = throttle.Judge(address, () => FixedTime.Equal(credential, options.Token.Reveal()));
        if (outcome.IsAllowed)
        {
            return null;
        }

        if (outcome.WasTheLast)
        {
            logger.LoginsWereThrottled(address, LoginThrottle.FailuresMax, LoginThrottle.Window);
        }

        if (outcome.RetryAfter is not { } wait)
        {
            return Challenge(http.Response);
        }

        http.Response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString("0", CultureInfo.InvariantCulture);
        return Problems.TooManyAttempts;
    }

    private static Problem Challenge(HttpResponse response)
    {
        response.Headers.WWWAuthenticate = "Bearer realm=\"llm-proxy management\"";
        return Problems.Unauthorized;
    }

    /// <summary>Two headers, or two values, are two opinions about who asks: neither counts.</summary>
    private static string? CredentialOf(HttpRequest request)
    {
        var values = request.Headers.Authorization;
        if (values is not [{ } value] || !value.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        var credential = value.AsSpan(Scheme.Length);
        return credential is [' ', ..] ? credential.Trim(' ').ToString() : null;
    }
}
