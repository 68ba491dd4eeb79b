using System.Security.Cryptography;
using Scalar.AspNetCore;

namespace LlmProxy.Management;

/// <summary>
/// The page at <c>/docs</c> that shows the API description and lets one try it. Its scripts are embedded in the
/// executable; the content security policy lets it load nothing from, and send nothing to, any other origin.
/// </summary>
internal static class ApiPage
{
    public static void MapApiPage(this IEndpointRouteBuilder app) =>
        app.MapScalarApiReference("/docs", static (options, http) =>
        {
            var nonce = Convert.ToBase64String(RandomNumberGenerator.GetBytes(16));
            http.Response.Headers.ContentSecurityPolicy = Policy(nonce);
            http.Response.Headers.XContentTypeOptions = "nosniff";
            http.Response.Headers["Referrer-Policy"] = "no-referrer";
            http.Response.Headers.CacheControl = "no-store";
            options
                .WithTitle("llm-proxy API")
                .WithNonce(nonce)
                .WithOpenApiRoutePattern(ApiDescription.Path)
                .DisableDefaultFonts()
                .DisableTelemetry()
                .DisableAgent()
                .DisableMcp()
                .HideClientButton()
                .HideDeveloperTools();
        }).ExcludeFromDescription();

    // Scalar sets style attributes and elements from its script, which no nonce can cover.
    private static string Policy(string nonce) =>
        $"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; "
        + "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        + "frame-ancestors 'none'";
}
