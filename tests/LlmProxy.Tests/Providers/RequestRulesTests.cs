using LlmProxy.Http;
using LlmProxy.Providers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Xunit;

namespace LlmProxy.Tests.Providers;

public sealed class RequestRulesTests
{
    private const string OriginList = "allowed_origins: ['https://app.example.com', 'http://localhost:5173']";

    [Fact]
    public void A_request_within_the_rules_passes()
    {
        Assert.Null(Judge(string.Empty, Given.Request()));
    }

    [Fact]
    public void An_endpoint_that_is_not_listed_is_unknown()
    {
        var provider = Given.Provider();
        var route = new ProviderRoute(provider, 0, EndpointIsAllowed: false);

        var refusal = provider.Rules.JudgeHead(Given.Request("DELETE"), route);

        Assert.Equal(Refusal.UnknownEndpoint, refusal);
    }

    [Theory]
    [InlineData("DELETE")]
    [InlineData("OPTIONS")]
    [InlineData("HEAD")]
    [InlineData("post")]
    public void A_method_that_is_not_listed_is_refused_and_the_others_are_named(string method)
    {
        var refusal = Judge(string.Empty, Given.Request(method));

        Assert.Equal((405, "method_not_allowed", "GET, POST"), (refusal?.Status, refusal?.Code, refusal?.Allow));
    }

    [Theory]
    [InlineData("X-Tenant", "header_required")]
    [InlineData("origin", "origin_required")]
    [InlineData("Origin", "origin_required")]
    public void A_required_header_must_be_there(string name, string code)
    {
        var lines = $"required_headers: [{name}]";

        var refusal = Judge(lines, Given.Request());

        Assert.Equal((400, code, name), (refusal?.Status, refusal?.Code, refusal?.Param));
        Assert.Equal(code, Judge(lines, Given.Request("GET", (name, "")))?.Code);
        Assert.Null(Judge(lines, Given.Request("GET", (name.ToUpperInvariant(), "some"))));
    }

    [Theory]
    [InlineData("https://app.example.com")]
    [InlineData("http://localhost:5173")]
    public void A_listed_origin_passes(string origin)
    {
        Assert.Null(Judge(OriginList, Given.Request("GET", ("Origin", origin))));
    }

    [Theory]
    [InlineData("null")]
    [InlineData("https://app.example.com.")]
    [InlineData("https://app.example.com/")]
    [InlineData("https://app.example.com:443")]
    [InlineData("https://app.example.com.evil.test")]
    [InlineData("https://evilapp.example.com")]
    [InlineData("https://sub.app.example.com")]
    [InlineData("https://APP.example.com")]
    [InlineData("http://app.example.com")]
    [InlineData("http://localhost")]
    [InlineData("http://localhost:5174")]
    [InlineData("https://app.example.com, https://evil.test")]
    public void An_origin_that_is_not_listed_is_refused(string origin)
    {
        Assert.Equal(Refusal.OriginNotAllowed, Judge(OriginList, Given.Request("GET", ("Origin", origin))));
    }

    [Fact]
    public void Two_origins_are_refused_even_when_both_are_listed()
    {
        var request = Given.Request("GET", ("Origin", "https://app.example.com"), ("Origin", "http://localhost:5173"));

        Assert.Equal(Refusal.OriginNotAllowed, Judge(OriginList, request));
    }

    [Fact]
    public void A_program_without_an_origin_passes()
    {
        Assert.Null(Judge(OriginList, Given.Request()));
    }

    [Fact]
    public void Without_a_list_an_origin_does_not_matter()
    {
        Assert.Null(Judge(string.Empty, Given.Request("GET", ("Origin", "https://anything.test"))));
    }

    [Theory]
    [InlineData("", "POST", 10, null, false)]
    [InlineData("param_whitelist: {model: [a]}", "POST", 10, null, true)]
    [InlineData("param_whitelist: {model: [a]}", "PATCH", null, "chunked", true)]
    [InlineData("param_whitelist: {model: [a]}", "GET", 10, null, true)]
    [InlineData("param_whitelist: {model: [a]}", "DELETE", null, null, false)]
    [InlineData("param_whitelist: {model: [a]}", "POST", 0, null, false)]
    public void A_body_is_read_only_when_there_is_one_and_a_rule_for_it(
        string lines, string method, int? length, string? coding, bool mustRead)
    {
        var request = Given.Request(method);
        request.ContentLength = length;
        request.Headers.TransferEncoding = coding;

        Assert.Equal(mustRead, Given.Provider(lines).Rules.MustReadBody(request));
    }

    [Theory]
    [InlineData("", null)]
    [InlineData("param_whitelist: {model: [a]}", "param_not_allowed")]
    public void An_upgrade_cannot_be_judged_and_is_refused_where_a_rule_would_judge(string lines, string? code)
    {
        var request = Given.Request("GET");
        request.HttpContext.Features.Set<IHttpUpgradeFeature>(new Upgradable());
        request.Headers.Upgrade = "websocket";

        Assert.Equal(code, Judge(lines, request)?.Code);
    }

    [Fact]
    public void Judging_a_head_that_passes_allocates_nothing()
    {
        var provider = Given.Provider(OriginList + "\nrequired_headers: [X-Tenant]");
        var route = new ProviderRoute(provider, 0, EndpointIsAllowed: true);
        var request = Given.Request("GET", ("Origin", "http://localhost:5173"), ("X-Tenant", "a"));
        provider.Rules.JudgeHead(request, route);
        var before = GC.GetAllocatedBytesForCurrentThread();

        provider.Rules.JudgeHead(request, route);

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static Refusal? Judge(string lines, HttpRequest request)
    {
        var provider = Given.Provider(lines);
        return provider.Rules.JudgeHead(request, new ProviderRoute(provider, 0, EndpointIsAllowed: true));
    }

    private sealed class Upgradable : IHttpUpgradeFeature
    {
        public bool IsUpgradableRequest => true;

        public Task<Stream> UpgradeAsync() => throw new NotSupportedException();
    }
}
