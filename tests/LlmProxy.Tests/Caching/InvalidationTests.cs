using LlmProxy.Caching;
using Xunit;

namespace LlmProxy.Tests.Caching;

public sealed class InvalidationTests
{
    private static readonly Uri Provider = new("https://api.example.com/base");

    [Theory]
    [InlineData("POST", 200)]
    [InlineData("PUT", 201)]
    [InlineData("DELETE", 204)]
    [InlineData("PATCH", 303)]
    [InlineData("M-SEARCH", 200)]
    public void An_unsafe_request_that_went_well_makes_its_target_invalid(string method, int status)
    {
        Assert.Equal(["/v1/files?x=1"], Targets(method, status));
    }

    [Theory]
    [InlineData("GET", 200)]
    [InlineData("HEAD", 200)]
    [InlineData("OPTIONS", 200)]
    [InlineData("TRACE", 200)]
    [InlineData("POST", 400)]
    [InlineData("DELETE", 500)]
    [InlineData("PUT", 101)]
    public void A_safe_one_or_one_that_failed_makes_nothing_invalid(string method, int status)
    {
        Assert.Empty(Targets(method, status, "Location: /base/v1/files/1"));
    }

    [Theory]
    [InlineData("/base/v1/files/1", "/v1/files/1")]
    [InlineData("/base/v1/files/%7E1?a=%41#f", "/v1/files/%7E1?a=%41")]
    [InlineData("https://api.example.com/base/v1/a%7E?b", "/v1/a%7E?b")]
    [InlineData("https://API.example.com:443/base/v1/a", "/v1/a")]
    [InlineData("//api.example.com/base/v1/a", "/v1/a")]
    [InlineData("1", "/v1/1")]
    [InlineData("files/1", "/v1/files/1")]
    [InlineData("../v2/a", "/v2/a")]
    [InlineData("/base/v1/../v2/a", "/v2/a")]
    [InlineData("?x=2", "/v1/files?x=2")]
    [InlineData("/base", "/")]
    public void So_it_does_what_the_answer_points_to(string reference, string target)
    {
        Assert.Equal(
            Sorted("/v1/files?x=1", target), Sorted([.. Targets("POST", 200, "Location: " + reference)]));
        Assert.Equal(
            Sorted("/v1/files?x=1", target), Sorted([.. Targets("POST", 200, "Content-Location: " + reference)]));
    }

    [Theory]
    [InlineData("https://evil.example.com/base/v1/a")]
    [InlineData("http://api.example.com/base/v1/a")]
    [InlineData("https://api.example.com:444/base/v1/a")]
    [InlineData("//evil.example.com/base/v1/a")]
    [InlineData("https://api.example.com")]
    [InlineData("/v1/a")]
    [InlineData("/based/v1/a")]
    [InlineData("mailto:x@example.com")]
    [InlineData("https://[")]
    [InlineData("")]
    [InlineData("#f")]
    public void What_is_elsewhere_stays_valid(string reference)
    {
        Assert.Equal(["/v1/files?x=1"], Targets("POST", 200, "Location: " + reference));
    }

    [Fact]
    public void Both_fields_count_and_each_target_once()
    {
        Assert.Equal(
            Sorted("/v1/files?x=1", "/v1/a", "/v1/b"),
            Sorted([.. Targets("POST", 200, "Location: /base/v1/a", "Content-Location: b")]));
        Assert.Equal(
            Sorted("/v1/files?x=1", "/v1/a"),
            Sorted([.. Targets("POST", 200, "Location: a", "Content-Location: /base/v1/a")]));
    }

    [Fact]
    public void A_provider_without_a_base_path_has_the_paths_as_they_are()
    {
        Assert.Equal(
            Sorted("/a", "/b"),
            Sorted(
            [
                .. Invalidation.Targets(
                    "POST", 200, Example.Fields("Location: /b"), new Uri("https://api.example.com"), "/a"),
            ]));
    }

    private static string[] Sorted(params string[] targets) =>
        [.. targets.Order(StringComparer.Ordinal)];

    private static IReadOnlyList<string> Targets(string method, int status, params string[] lines) =>
        Invalidation.Targets(method, status, Example.Fields(lines), Provider, "/v1/files?x=1");
}
