using CsCheck;
using LlmProxy.Proxying;
using Microsoft.Extensions.Primitives;
using Xunit;

namespace LlmProxy.Tests.Proxying;

public sealed class HeaderPolicyTests
{
    [Theory]
    [InlineData("Authorization")]
    [InlineData("x-api-key")]
    [InlineData("COOKIE")]
    [InlineData("Forwarded")]
    [InlineData("X-Forwarded-For")]
    [InlineData("True-Client-IP")]
    [InlineData("TE")]
    [InlineData("Expect")]
    [InlineData("Proxy-Authorization")]
    public void Keeps_credentials_hops_and_traces_of_the_caller_from_the_provider(string name) =>
        Assert.False(HeaderPolicy.Forwards(name, StringValues.Empty));

    [Theory]
    [InlineData("Set-Cookie")]
    [InlineData("access-control-allow-origin")]
    [InlineData("Keep-Alive")]
    [InlineData("Transfer-Encoding")]
    public void Keeps_cookies_hops_and_the_upstreams_CORS_from_the_client(string name) =>
        Assert.False(HeaderPolicy.Returns(name, StringValues.Empty));

    [Fact]
    public void Drops_what_Connection_lists_in_any_case_and_on_any_line()
    {
        var connection = new StringValues(["close, X-One", " x-TWO "]);

        Assert.False(HeaderPolicy.Forwards("x-one", connection));
        Assert.False(HeaderPolicy.Returns("X-Two", connection));
        Assert.True(HeaderPolicy.Forwards("X-Three", connection));
    }

    [Fact]
    public void Passes_every_header_that_no_rule_names() =>
        Gen.String[Gen.Char["abcdefghijklmnopqrstuvwxyz-"], 1, 20].Sample(static name =>
            HeaderPolicy.Forwards("x-app-" + name, StringValues.Empty)
            && HeaderPolicy.Returns("openai-" + name, StringValues.Empty));
}
