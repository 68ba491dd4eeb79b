using CsCheck;
using LlmProxy.Http;
using LlmProxy.Providers;
using LlmProxy.Tests.Providers;
using Xunit;

namespace LlmProxy.Tests.Http;

public sealed class RequestTargetTests
{
    private const string TwoProviders = """
        apis:
          openai:
            base_url: https://api.openai.com
            allowed_endpoints: [/v1/models, /v1/files/*]
            allowed_methods: [GET]
          anthropic:
            base_url: https://api.anthropic.com/base
            allowed_endpoints: [/v1/messages, /v1/messages/*]
            allowed_methods: [GET]
        """;

    private static readonly UriCreationOptions AsItIs = new() { DangerousDisablePathAndQueryCanonicalization = true };

    [Theory]
    [InlineData("/")]
    [InlineData("/v1/chat/completions")]
    [InlineData("/v1/models/ft:gpt-4o-mini:org::id")]
    [InlineData("/v1/models/gpt-4o@2024")]
    [InlineData("/v1/.well-known/x..y/...")]
    [InlineData("/v1/a!$&'()*+,;=~_-b")]
    [InlineData("/v1/files/caf%C3%A9%20%7B1%7D")]
    public void A_path_of_an_api_is_a_target(string raw)
    {
        Assert.True(RequestTarget.TryParse(raw, out var target));

        Assert.Equal(raw, target.RawPath.ToString());
        Assert.True(target.Query.IsEmpty);
    }

    [Theory]
    [InlineData("")]
    [InlineData("*")]
    [InlineData("v1/models")]
    [InlineData("?x=1")]
    [InlineData("http://evil.test/v1/models")]
    [InlineData("//evil.test/v1/models")]
    [InlineData("/v1//models")]
    [InlineData("/v1/models//")]
    [InlineData("/v1/../admin")]
    [InlineData("/v1/./models")]
    [InlineData("/v1/..")]
    [InlineData("/..;/admin")]
    [InlineData("/v1/.;x=1/models")]
    [InlineData("/v1/%2e%2e/admin")]
    [InlineData("/v1/.%2E/admin")]
    [InlineData("/v1/%252e%252e/admin")]
    [InlineData("/v1%2fmodels")]
    [InlineData("/v1%2Fmodels")]
    [InlineData("/v1/..%5cadmin")]
    [InlineData("/v1/..\\admin")]
    [InlineData("/v1/models%00")]
    [InlineData("/v1/models%0d%0aX-Evil:1")]
    [InlineData("/v1/models%1f")]
    [InlineData("/v1/models%7F")]
    [InlineData("/v1/models%25")]
    [InlineData("/v1/%c0%ae%c0%ae/admin")]
    [InlineData("/v1/%ff")]
    [InlineData("/v1/%e2%82")]
    [InlineData("/v1/%zz")]
    [InlineData("/v1/%4")]
    [InlineData("/v1/%")]
    [InlineData("/v1/%+1")]
    [InlineData("/v1/models#x")]
    [InlineData("/v1/models?x#y")]
    [InlineData("/v1/mod els")]
    [InlineData("/v1/models?a b")]
    [InlineData("/v1/mod\tels")]
    [InlineData("/v1/models\r\n")]
    [InlineData("/v1/models?\u0001")]
    [InlineData("/v1/mod\u00e9ls")]
    [InlineData("/v1/models?\u00e9")]
    [InlineData("/v1/mod\uff0fels")]
    [InlineData("/v1/models\"")]
    [InlineData("/v1/{models}")]
    public void What_servers_may_read_in_two_ways_is_no_target(string raw)
    {
        Assert.False(RequestTarget.TryParse(raw, out _));
    }

    [Fact]
    public void Encoded_letters_are_decoded_for_matching_and_forwarded_as_they_came()
    {
        var target = Given.Target("/%76%31/mod%65ls?x=%41");

        Assert.Equal("/v1/models", target.Path.ToString());
        Assert.Equal("/%76%31/mod%65ls", target.RawPath.ToString());
        Assert.Equal("?x=%41", target.Query.ToString());
    }

    [Fact]
    public void A_query_may_hold_what_clients_send_there()
    {
        const string Query = "?after=a/b?c&metadata[k]={\"x\":\"<1|2>^`\\\"}&q=100%&d=%0d%0a%2e%2e//..";

        Assert.Equal(Query, Given.Target("/v1/files" + Query).Query.ToString());
    }

    [Fact]
    public void A_target_without_percent_signs_costs_no_allocation()
    {
        const string Raw = "/v1/chat/completions?stream=true";
        Assert.True(RequestTarget.TryParse(Raw, out _));
        var before = GC.GetAllocatedBytesForCurrentThread();

        var isTarget = RequestTarget.TryParse(Raw, out var target);

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal((true, 20), (isTarget, target.Path.Length));
    }

    [Fact]
    public void No_target_leads_out_of_its_provider()
    {
        var table = Given.Table(TwoProviders, "openai");
        HostileTargets.Sample(
            raw =>
            {
                if (!RequestTarget.TryParse(raw, out var target) || table.Find(target) is not { } route)
                {
                    return;
                }

                var provider = route.Provider;
                var suffix = string.Concat(target.RawPath[route.PrefixLength..], target.Query);
                var before = provider.Origin + provider.BasePath;
                var sent = new Uri(before + suffix, AsItIs);
                var readLeniently = new Uri(before + Uri.UnescapeDataString(suffix));
                Assert.Equal(provider.BaseUrl.Host, sent.Host);
                Assert.Equal(provider.BaseUrl.Host, readLeniently.Host);
                Assert.Equal(provider.BasePath + suffix, sent.PathAndQuery);
                if (route.EndpointIsAllowed)
                {
                    Assert.StartsWith(provider.BasePath + "/v1/", readLeniently.AbsolutePath, StringComparison.Ordinal);
                    Assert.Contains(EndpointOf(readLeniently, provider), AllowedEndpoints, StringComparer.Ordinal);
                }
            },
            iter: 100_000);
    }

    [Fact]
    public void The_decoded_path_has_the_slashes_of_the_raw_one()
    {
        HostileTargets.Sample(
            raw =>
            {
                if (RequestTarget.TryParse(raw, out var target))
                {
                    Assert.Equal(target.RawPath.Count('/'), target.Path.Count('/'));
                }
            },
            iter: 50_000);
    }

    private static readonly string[] AllowedEndpoints = ["models", "files", "messages"];

    private static readonly Gen<string> HostileTargets = Gen.Select(
        Given.OneOf(
            "", "/", "/", "/v1", "/v1/", "/anthropic/", "/anthropic/v1/", "/%61nthropic/v1/", "http://evil.test/"),
        Given.OneOf(
            "/", "//", ".", "..", "...", "/../", "/./", "\\", "%2e", "%2E%2e", "%2f", "%5c", "%25", "%252e", "%00",
            "%0a", "%3f", "%23", "%40", "%3a", "%c0%ae", "%e2%80%a8", "%6d", "%", "%g1", "@evil.test", ":80", ":", "?",
            "#", ";", ";x=/", "v1", "models", "files", "messages", "anthropic", "evil.test", "http://evil.test", " ",
            "\t", "\r\n", "\u0000", "\u00e9", "\uff0f", "a", "&", "=").Array[0, 7],
        static (start, pieces) => start + string.Concat(pieces));

    private static string EndpointOf(Uri address, Provider provider) =>
        address.AbsolutePath[(provider.BasePath.Length + "/v1/".Length)..].Split('/')[0];
}
