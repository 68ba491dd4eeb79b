using LlmProxy.Caching;
using Xunit;

namespace LlmProxy.Tests.Caching;

public sealed class CacheStatusTests
{
    [Theory]
    [InlineData(0, "llm-proxy; hit; ttl=0")]
    [InlineData(999, "llm-proxy; hit; ttl=0")]
    [InlineData(59_999, "llm-proxy; hit; ttl=59")]
    [InlineData(-1, "llm-proxy; hit; ttl=-1")]
    [InlineData(-1_500, "llm-proxy; hit; ttl=-2")]
    [InlineData(86_400_000, "llm-proxy; hit; ttl=86400")]
    public void A_hit_says_how_long_it_is_fresh_yet(long freshFor, string text)
    {
        Assert.Equal(text, CacheStatus.Hit(freshFor));
        Assert.Equal(text + "; detail=stale", CacheStatus.Hit(freshFor, "stale"));
    }

    [Fact]
    public void The_usual_texts_are_made_once()
    {
        Assert.Same(CacheStatus.Hit(60_000), CacheStatus.Hit(60_500));
        Assert.Same(CacheStatus.Forwarded(Forward.Stale), CacheStatus.Forwarded(Forward.Stale));
    }

    [Theory]
    [InlineData(nameof(Forward.Bypass), "bypass")]
    [InlineData(nameof(Forward.Method), "method")]
    [InlineData(nameof(Forward.UriMiss), "uri-miss")]
    [InlineData(nameof(Forward.VaryMiss), "vary-miss")]
    [InlineData(nameof(Forward.Miss), "miss")]
    [InlineData(nameof(Forward.Request), "request")]
    [InlineData(nameof(Forward.Stale), "stale")]
    [InlineData(nameof(Forward.Partial), "partial")]
    public void An_answer_of_the_provider_says_why_it_was_asked(string forward, string token)
    {
        var plain = "llm-proxy; fwd=" + token;
        var reason = Enum.Parse<Forward>(forward);

        Assert.Equal(plain, CacheStatus.Forwarded(reason));
        Assert.Equal(plain + "; stored", CacheStatus.Forwarded(reason, isStored: true));
        Assert.Equal(plain + "; collapsed", CacheStatus.Forwarded(reason, isCollapsed: true));
        Assert.Equal(
            plain + "; stored; collapsed", CacheStatus.Forwarded(reason, isStored: true, isCollapsed: true));
        Assert.Equal(
            plain + "; fwd-status=304; stored; collapsed; ttl=60; detail=x",
            CacheStatus.Forwarded(reason, 304, isStored: true, isCollapsed: true, freshFor: 60_000, detail: "x"));
    }
}
