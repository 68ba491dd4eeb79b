using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Hostile;

/// <summary>Request targets and methods that try to reach another place than the configured one.</summary>
public sealed class TargetTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    [Theory]
    [InlineData("//evil.test/v1/models")]
    [InlineData("/v1//models")]
    [InlineData("/v1/models//")]
    [InlineData("/v1/..\\admin")]
    [InlineData("/v1\\models")]
    [InlineData("\\v1\\models")]
    [InlineData("/v1/../admin")]
    [InlineData("/v1/./models")]
    [InlineData("/v1/models/..")]
    [InlineData("/v1/models/.")]
    [InlineData("/v1/%2e%2e/admin")]
    [InlineData("/v1/%2E%2e/admin")]
    [InlineData("/v1/.%2e/admin")]
    [InlineData("/v1/%252e%252e/admin")]
    [InlineData("/v1/..%2fadmin")]
    [InlineData("/v1/..%5cadmin")]
    [InlineData("/v1/..%255cadmin")]
    [InlineData("/v1/models%2f..%2f..%2fadmin")]
    [InlineData("/v1/models%00")]
    [InlineData("/v1/models%0d%0aX-Evil:1")]
    [InlineData("/v1/models%1f")]
    [InlineData("/v1/models%7f")]
    [InlineData("/v1/models%")]
    [InlineData("/v1/models%4")]
    [InlineData("/v1/models%zz")]
    [InlineData("/v1/models#fragment")]
    [InlineData("/v1/models?x=1#fragment")]
    [InlineData("/v1/models\u0000")]
    [InlineData("/v1/models\u0001")]
    [InlineData("/v1/models\u007f")]
    [InlineData("/v1/m\u00f6dels")]
    [InlineData("/v1/models\"<>")]
    [InlineData("/v1/{models}")]
    [InlineData("http://evil.test/v1/models")]
    [InlineData("https://127.0.0.1/v1/models")]
    [InlineData("http://@evil.test/v1/models")]
    [InlineData("/@evil.test/v1/models")]
    [InlineData("@evil.test/v1/models")]
    [InlineData("*")]
    [InlineData("v1/models")]
    [InlineData("?")]
    [InlineData("evil.test:443")]
    public async Task A_target_that_no_api_has_is_the_clients_fault_and_goes_nowhere(string target)
    {
        await RefusedAsync(rig.Head("GET", target));
    }

    [Theory]
    [InlineData("/v2/models")]
    [InlineData("/v1")]
    [InlineData("/v1x/models")]
    [InlineData("/V1/models")]
    [InlineData("/manage/../v1/models")]
    [InlineData("/")]
    [InlineData("/admin")]
    [InlineData("/openai/v2/models")]
    [InlineData("/.env")]
    public async Task A_path_outside_the_allowed_ones_goes_nowhere(string target)
    {
        await RefusedAsync(rig.Head("GET", target));
    }

    [Theory]
    [InlineData("CONNECT")]
    [InlineData("TRACE")]
    [InlineData("TRACK")]
    [InlineData("get")]
    [InlineData("Post")]
    [InlineData("PROPFIND")]
    [InlineData("G@T")]
    [InlineData("GET\u0000")]
    [InlineData("GETGETGETGETGETGETGETGETGETGETGETGETGETGET")]
    public async Task A_method_that_is_not_allowed_goes_nowhere(string method)
    {
        await RefusedAsync(rig.Head(method, "/v1/models"));
    }

    [Fact]
    public async Task A_tunnel_is_never_opened()
    {
        await RefusedAsync(
            "CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n"
            + $"Authorization: Bearer {rig.Token.Secret}\r\n\r\n");
    }

    [Theory]
    [InlineData("X-HTTP-Method-Override: DELETE")]
    [InlineData("X-Original-URL: /v1/other")]
    [InlineData("X-Rewrite-URL: /v1/other")]
    [InlineData("X-Base-Url: http://evil.test")]
    [InlineData("Helicone-Target-Url: http://evil.test")]
    [InlineData("X-Forwarded-Host: evil.test")]
    public async Task A_header_cannot_change_where_a_request_goes(string line)
    {
        var route = rig.Upstream.Answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

        await rig.GetAsync(route.Path, line);

        Assert.Equal($"GET {route.Path} HTTP/1.1", route.Request.Head.FirstLine);
        Assert.Equal(rig.Upstream.Address.Authority, route.Request.Head.Value("Host"));
    }

    [Fact]
    public async Task A_body_cannot_change_where_a_request_goes()
    {
        var route = rig.Upstream.Answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        const string Body = """{"api_base":"http://evil.test","base_url":"http://evil.test","model":"gpt-4o"}""";

        var answer = await rig.PostAsync(route.Path, Body, "Content-Type: application/json");

        Assert.Equal(200, answer?.Status);
        Assert.Equal(Body, (await route.Request.Body).Text);
    }

    [Theory]
    [InlineData("/v1/files/file-%C3%A4%20b")]
    [InlineData("/v1/models/ft:gpt-4o:org:name:id")]
    [InlineData("/v1/models/a@b")]
    [InlineData("/v1/models/a!$&'()*+,;=~_-")]
    [InlineData("/v1/models/...")]
    [InlineData("/v1/models/a..b?x=//..%2f%00\\{|}")]
    public async Task An_odd_but_honest_target_passes_byte_for_byte(string target)
    {
        var route = rig.Upstream.DoesAt(
            target.Split('?')[0], static exchange => exchange.AnswerAsync(200, "ok"u8.ToArray()));

        await rig.GetAsync(target);

        Assert.Equal($"GET {target} HTTP/1.1", route.Request.Head.FirstLine);
    }

    private async Task RefusedAsync(string request)
    {
        await using var client = await rig.ConnectAsync();
        await client.SendAsync(request);
        var answer = await client.ReadAnswerAsync();

        Assert.Empty(rig.Upstream.TakeStrangers());
        Assert.InRange(answer?.Status ?? 400, 400, 499);
    }
}
