using System.Text.Json;
using LlmProxy.Providers;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace LlmProxy.Tests.Providers;

public sealed class CorsTests
{
    private const string Listed = "https://app.example.com";

    private readonly Provider _provider = Given.Provider($"allowed_origins: ['{Listed}']");

    [Theory]
    [InlineData("OPTIONS", true, true, true)]
    [InlineData("OPTIONS", true, false, false)]
    [InlineData("OPTIONS", false, true, false)]
    [InlineData("GET", true, true, false)]
    public void A_preflight_asks_for_a_method_from_an_origin(string method, bool origin, bool asks, bool isPreflight)
    {
        var request = Given.Request(method);
        request.Headers.Origin = origin ? Listed : default(string);
        request.Headers.AccessControlRequestMethod = asks ? "POST" : default(string);

        Assert.Equal(isPreflight, Cors.IsPreflight(request));
    }

    [Fact]
    public async Task A_preflight_from_a_listed_origin_is_answered()
    {
        var http = Preflight(Listed, "authorization, content-type, x-stainless-os");

        await Cors.AnswerPreflightAsync(http, RouteTo(_provider));

        var headers = http.Response.Headers;
        Assert.Equal(204, http.Response.StatusCode);
        Assert.Equal(Listed, headers.AccessControlAllowOrigin);
        Assert.Equal("GET, POST", headers.AccessControlAllowMethods);
        Assert.Equal("authorization, content-type, x-stainless-os", headers.AccessControlAllowHeaders);
        Assert.Equal("86400", headers.AccessControlMaxAge);
        Assert.Equal("Origin, Access-Control-Request-Method, Access-Control-Request-Headers", headers.Vary);
        Assert.Equal(0, headers.AccessControlAllowCredentials.Count);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("x, ")]
    [InlineData("x y")]
    [InlineData("x(y)")]
    [InlineData("é")]
    public async Task Header_names_that_are_none_are_not_echoed(string? requested)
    {
        var http = Preflight(Listed, requested);

        await Cors.AnswerPreflightAsync(http, RouteTo(_provider));

        Assert.Equal("Authorization, Content-Type", http.Response.Headers.AccessControlAllowHeaders);
    }

    [Theory]
    [InlineData("https://evil.test")]
    [InlineData("null")]
    [InlineData("https://app.example.com.")]
    [InlineData("https://app.example.com:443")]
    [InlineData("https://APP.example.com")]
    [InlineData("https://app.example.com.evil.test")]
    public async Task A_preflight_from_another_origin_is_refused(string origin)
    {
        var http = Preflight(origin, "authorization");

        await Cors.AnswerPreflightAsync(http, RouteTo(_provider));

        Assert.Equal("origin_not_allowed", CodeOf(http));
        Assert.Equal(403, http.Response.StatusCode);
        Assert.DoesNotContain(http.Response.Headers, static header =>
            header.Key.StartsWith("Access-Control-", StringComparison.OrdinalIgnoreCase));
        Assert.Contains("Origin", http.Response.Headers.Vary.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_list_every_preflight_is_refused()
    {
        var http = Preflight(Listed, null);

        await Cors.AnswerPreflightAsync(http, RouteTo(Given.Provider()));

        Assert.Equal("origin_not_allowed", CodeOf(http));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_preflight_for_nothing_that_is_served_is_unknown(bool hasProvider)
    {
        var http = Preflight(Listed, null);
        ProviderRoute? route = hasProvider ? RouteTo(_provider) with { EndpointIsAllowed = false } : null;

        await Cors.AnswerPreflightAsync(http, route);

        Assert.Equal("endpoint_not_found", CodeOf(http));
        Assert.Equal(404, http.Response.StatusCode);
    }

    [Fact]
    public void An_answer_may_be_read_by_a_listed_origin()
    {
        var response = Marked(_provider, Listed, vary: "Accept-Encoding");
        var readable = response.Headers.AccessControlExposeHeaders.ToString();

        Assert.Equal(Listed, response.Headers.AccessControlAllowOrigin);
        Assert.Equal(["Accept-Encoding", "Origin"], response.Headers.Vary.ToArray());
        Assert.Contains("X-LLM-Proxy-Request-ID", readable, StringComparison.Ordinal);
        Assert.Contains("Retry-After", readable, StringComparison.Ordinal);
        Assert.Equal(0, response.Headers.AccessControlAllowCredentials.Count);
    }

    [Theory]
    [InlineData("https://evil.test")]
    [InlineData("null")]
    [InlineData(null)]
    public void An_answer_may_not_be_read_by_others_and_caches_know(string? origin)
    {
        var response = Marked(_provider, origin, vary: null);

        Assert.Equal("Origin", response.Headers.Vary);
        Assert.Equal(0, response.Headers.AccessControlAllowOrigin.Count);
        Assert.Equal(0, response.Headers.AccessControlExposeHeaders.Count);
    }

    [Fact]
    public void Without_a_list_no_answer_is_marked()
    {
        var response = Marked(Given.Provider(), Listed, vary: "Accept");

        Assert.Equal("Accept", response.Headers.Vary);
        Assert.Equal(0, response.Headers.AccessControlAllowOrigin.Count);
    }

    private static HttpContext Preflight(string origin, string? requestedHeaders)
    {
        var request = Given.Request("OPTIONS", ("Origin", origin), ("Access-Control-Request-Method", "POST"));
        request.Headers.AccessControlRequestHeaders = requestedHeaders;
        request.HttpContext.Response.Body = new MemoryStream();
        return request.HttpContext;
    }

    private static ProviderRoute RouteTo(Provider provider) => new(provider, 0, EndpointIsAllowed: true);

    private static HttpResponse Marked(Provider provider, string? origin, string? vary)
    {
        var request = Given.Request("GET");
        request.Headers.Origin = origin;
        var response = request.HttpContext.Response;
        response.Headers.Vary = vary;
        Cors.Mark(response, request, provider);
        return response;
    }

    private static string? CodeOf(HttpContext http)
    {
        using var body = JsonDocument.Parse(((MemoryStream)http.Response.Body).ToArray());
        return body.RootElement.GetProperty("error").GetProperty("code").GetString();
    }
}
