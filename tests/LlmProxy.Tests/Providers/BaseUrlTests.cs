using LlmProxy.Providers;
using Xunit;

namespace LlmProxy.Tests.Providers;

public sealed class BaseUrlTests
{
    [Theory]
    [InlineData("https://api.openai.com", "https://api.openai.com", "")]
    [InlineData("https://api.openai.com/", "https://api.openai.com", "")]
    [InlineData("https://API.openai.com:443/openai/v2/", "https://api.openai.com", "/openai/v2")]
    [InlineData("https://gateway.test:8443/a%20b", "https://gateway.test:8443", "/a%20b")]
    [InlineData("http://localhost:9000", "http://localhost:9000", "")]
    [InlineData("http://127.0.0.2:9000/x", "http://127.0.0.2:9000", "/x")]
    [InlineData("http://[::1]:9000", "http://[::1]:9000", "")]
    public void An_address_has_an_origin_and_a_path(string text, string origin, string path)
    {
        var url = BaseUrl.Parse(text, allowHttp: false, out _);

        Assert.Equal((origin, path), (url?.Origin, url?.Path));
    }

    [Theory]
    [InlineData("api.openai.com", "does not start with https://")]
    [InlineData("ftp://api.openai.com", "does not start with https://")]
    [InlineData("", "does not start with https://")]
    [InlineData(" https://api.openai.com", "does not start with https://")]
    [InlineData("https://", "not a URL with a host")]
    [InlineData("https:///v1", "not a URL with a host")]
    [InlineData("https://host:0", "not a URL with a host")]
    [InlineData("https://host:99999", "not a URL with a host")]
    [InlineData("https://api.openai.com@evil.test", "user or password")]
    [InlineData("https://user:pw@api.openai.com/x", "user or password")]
    [InlineData("https://api.openai.com/?key=1", "query")]
    [InlineData("https://api.openai.com/#x", "fragment")]
    [InlineData("https://api.openai.com/a//b", "dot segments")]
    [InlineData("https://api.openai.com//", "dot segments")]
    [InlineData("https://api.openai.com/a/../b", "dot segments")]
    [InlineData("https://api.openai.com/%2e%2e", "dot segments")]
    [InlineData("https://api.openai.com/a\\b", "dot segments")]
    [InlineData("https://api.openai.com\\evil", "escaped character")]
    [InlineData("https://evil%2etest", "escaped character")]
    [InlineData("https://evil\u3002com", "beyond ASCII")]
    [InlineData("https://api.open\tai.com", "white space")]
    [InlineData("http://api.openai.com", "ALLOW_HTTP_UPSTREAM")]
    [InlineData("http://localhost.", "ALLOW_HTTP_UPSTREAM")]
    [InlineData("http://localhost.evil.test", "ALLOW_HTTP_UPSTREAM")]
    [InlineData("http://127.0.0.1.evil.test", "ALLOW_HTTP_UPSTREAM")]
    [InlineData("http://169.254.169.254", "ALLOW_HTTP_UPSTREAM")]
    public void What_is_no_safe_address_says_why(string text, string clause)
    {
        Assert.Null(BaseUrl.Parse(text, allowHttp: false, out var wrong));

        Assert.Contains(clause, wrong, StringComparison.Ordinal);
    }

    [Fact]
    public void Plain_http_to_other_machines_can_be_allowed()
    {
        Assert.Equal("http://mock:8080", BaseUrl.Parse("http://mock:8080/", allowHttp: true, out _)?.Origin);
    }
}
