using LlmProxy.Providers;
using Xunit;

namespace LlmProxy.Tests.Providers;

public sealed class EndpointListTests
{
    [Theory]
    [InlineData("/v1/models", "/v1/models")]
    [InlineData("/v1/models/*", "/v1/models/gpt-5")]
    [InlineData("/v1/models/*", "/v1/models/a/b/c")]
    [InlineData("/*", "/anything/at/all")]
    [InlineData("/v1/threads/*/messages", "/v1/threads/t_1/messages")]
    [InlineData("/v1/threads/*/runs/*", "/v1/threads/t_1/runs/r_1/steps")]
    [InlineData("/*/models", "/v1/models")]
    public void A_pattern_allows(string pattern, string path)
    {
        Assert.True(new EndpointList([pattern]).Contains(path));
    }

    [Theory]
    [InlineData("/v1/models", "/v1/models/")]
    [InlineData("/v1/models", "/v1/models2")]
    [InlineData("/v1/models", "/v1/models/gpt-5")]
    [InlineData("/v1/models", "/v1")]
    [InlineData("/v1/models", "/V1/models")]
    [InlineData("/v1/models", "")]
    [InlineData("/v1/models/*", "/v1/models")]
    [InlineData("/v1/models/*", "/v1/models/")]
    [InlineData("/v1/models/*", "/v1/models2/x")]
    [InlineData("/*", "/")]
    [InlineData("/*", "")]
    [InlineData("/v1/threads/*/messages", "/v1/threads/messages")]
    [InlineData("/v1/threads/*/messages", "/v1/threads//messages")]
    [InlineData("/v1/threads/*/messages", "/v1/threads/a/b/messages")]
    [InlineData("/v1/threads/*/messages", "/v1/threads/a/messages/")]
    [InlineData("/v1/threads/*/messages", "/v1/threads/a/messages/x")]
    [InlineData("/v1/threads/*/runs/*", "/v1/threads/t_1/runs")]
    [InlineData("/v1/threads/*/runs/*", "/v1/threads/t_1/runs/")]
    [InlineData("/*/models", "")]
    public void A_pattern_does_not_allow(string pattern, string path)
    {
        Assert.False(new EndpointList([pattern]).Contains(path));
    }

    [Theory]
    [InlineData("/v1/models", "/v1/models")]
    [InlineData("/v1/models/gpt-5", "/v1/models/*")]
    [InlineData("/v1/threads/t_1/messages", "/v1/threads/*/messages")]
    [InlineData("/v1/files", null)]
    public void A_path_is_found_by_its_pattern(string path, string? pattern)
    {
        Assert.Equal(pattern, new EndpointList(["/v1/models/*", "/v1/threads/*/messages", "/v1/models"]).Find(path));
    }

    [Theory]
    [InlineData("v1/models", "must start with '/'")]
    [InlineData("", "must start with '/'")]
    [InlineData("/v1/models/", "empty segment")]
    [InlineData("/v1//models", "empty segment")]
    [InlineData("/", "empty segment")]
    [InlineData("/v1/../models", "dot segment")]
    [InlineData("/v1/gpt*", "not a whole segment")]
    [InlineData("/v1/**", "not a whole segment")]
    [InlineData("/v1/models?x=1", "cannot have")]
    [InlineData("/v1/mod%65ls", "cannot have")]
    [InlineData("/v1/mod els", "cannot have")]
    public void A_malformed_pattern_says_what_is_wrong(string pattern, string clause)
    {
        Assert.Contains(clause, EndpointList.FaultOf(pattern), StringComparison.Ordinal);
    }
}
