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
    [InlineData(Forward.Bypass, "bypass")]
    [InlineData(Forward.Method, "method")]
    [InlineData(Forward.UriMiss, "uri-miss")]
    [InlineData(Forward.VaryMiss, "vary-miss")]
    [InlineData(Forward.Miss, "miss")]
    [InlineData(Forward.Request, "request")]
    [InlineData(Forward.Stale, "stale")]
    [InlineData(Forward.Partial, "partial")]
    public void An_answer_of_the_provider_says_why_it_was_asked(Forward forward, string token)
    {
        var plain = "llm-proxy; fwd=" + token;

        Assert.Equal(plain, CacheStatus.Forwarded(forward));
        Assert.Equal(plain + "; stored", CacheStatus.Forwarded(forward, isStored: true));
        Assert.Equal(plain + "; collapsed", CacheStatus.Forwarded(forward, isCollapsed: true));
        Assert.Equal(
            plain + "; stored; collapsed", CacheStatus.Forwarded(forward, isStored: true, isCollapsed: true));
        Assert.Equal(
            plain + "; fwd-status=304; stored; collapsed; ttl=60; detail=x",
            CacheStatus.Forwarded(forward, 304, isStored: true, isCollapsed: true, freshFor: 60_000, detail: "x"));
    }
}
