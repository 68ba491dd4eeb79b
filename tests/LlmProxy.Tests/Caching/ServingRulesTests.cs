using LlmProxy.Caching;
using Xunit;

namespace LlmProxy.Tests.Caching;

public sealed class ServingRulesTests
{
    [Theory]
    [InlineData("max-age=10", 9, nameof(Reuse.Fresh))]
    [InlineData("max-age=10", 10, nameof(Reuse.MustValidate))]
    [InlineData("max-age=10, stale-while-revalidate=5", 14, nameof(Reuse.StaleWhileRevalidate))]
    [InlineData("max-age=10, stale-while-revalidate=5", 15, nameof(Reuse.MustValidate))]
    [InlineData("max-age=10, stale-while-revalidate=5, must-revalidate", 12, nameof(Reuse.MustValidate))]
    [InlineData("max-age=10, stale-while-revalidate=5, proxy-revalidate", 12, nameof(Reuse.MustValidate))]
    [InlineData("s-maxage=10, stale-while-revalidate=5", 12, nameof(Reuse.MustValidate))]
    public void An_answer_is_served_as_long_as_it_says(string cacheControl, int seconds, string reuse)
    {
        Assert.Equal(reuse, Example.Judge(Example.Stored("Cache-Control: " + cacheControl), seconds).ToString());
    }

    [Theory]
    [InlineData("no-cache", 0, nameof(Reuse.MustValidate))]
    [InlineData("no-store", 0, nameof(Reuse.Fresh))]
    [InlineData("max-age=0", 0, nameof(Reuse.MustValidate))]
    [InlineData("max-age=1", 3, nameof(Reuse.MustValidate))]
    [InlineData("max-age=5", 5, nameof(Reuse.Fresh))]
    [InlineData("min-fresh=5", 5, nameof(Reuse.Fresh))]
    [InlineData("min-fresh=5", 6, nameof(Reuse.MustValidate))]
    [InlineData("min-fresh=2000", 0, nameof(Reuse.MustValidate))]
    [InlineData("max-stale", 999, nameof(Reuse.Stale))]
    [InlineData("max-stale=5", 15, nameof(Reuse.Stale))]
    [InlineData("max-stale=5", 16, nameof(Reuse.MustValidate))]
    [InlineData("max-stale=5, max-age=12", 13, nameof(Reuse.MustValidate))]
    [InlineData("max-stale=5, max-age=100", 13, nameof(Reuse.Stale))]
    [InlineData("max-stale=5, min-fresh=1", 13, nameof(Reuse.MustValidate))]
    public void A_request_may_ask_for_more_or_take_less(string directives, int seconds, string reuse)
    {
        Assert.Equal(reuse, Example.Judge(Example.Stored("Cache-Control: max-age=10"), seconds, directives).ToString());
    }

    [Fact]
    public void A_request_takes_an_answer_that_was_stale_when_it_came()
    {
        var stored = Example.Stored("Cache-Control: max-age=1500", "Age: 2000");

        Assert.Equal(Reuse.Stale, Example.Judge(stored, 0, "max-stale=1000"));
        Assert.Equal(Reuse.MustValidate, Example.Judge(stored, 0));
    }

    [Theory]
    [InlineData("Cache-Control: max-age=10, must-revalidate")]
    [InlineData("Cache-Control: max-age=10, proxy-revalidate")]
    [InlineData("Cache-Control: s-maxage=10")]
    [InlineData("Cache-Control: max-age=10, no-cache", "ETag: \"x\"")]
    public void No_request_and_no_error_makes_a_forbidden_answer_served_stale(params string[] lines)
    {
        var stored = Example.Stored(lines);

        Assert.Equal(Reuse.MustValidate, Example.Judge(stored, 12, "max-stale"));
        Assert.False(OnError(stored, 12, "stale-if-error=1000"));
    }

    [Fact]
    public void A_client_that_names_an_age_gets_nothing_stale()
    {
        var stored = Example.Stored("Cache-Control: max-age=10, stale-while-revalidate=60");

        Assert.Equal(Reuse.MustValidate, Example.Judge(stored, 12, "max-age=100"));
        Assert.Equal(Reuse.StaleWhileRevalidate, Example.Judge(stored, 12, "max-age=100, max-stale=5"));
    }

    [Theory]
    [InlineData("max-age=10", null, true, true)]
    [InlineData("max-age=10", null, false, false)]
    [InlineData("max-age=10, stale-if-error=60", null, true, true)]
    [InlineData("max-age=10, stale-if-error=60", null, false, true)]
    [InlineData("max-age=10, stale-if-error=1", null, true, false)]
    [InlineData("max-age=10, stale-if-error=1", "stale-if-error=60", false, true)]
    [InlineData("max-age=10", "stale-if-error=60", false, true)]
    [InlineData("max-age=10", "stale-if-error=1", true, false)]
    [InlineData("max-age=10", "no-cache", true, false)]
    [InlineData("max-age=10", "max-age=5", true, false)]
    [InlineData("max-age=10", "max-age=100", true, false)]
    [InlineData("max-age=10", "min-fresh=1", true, false)]
    [InlineData("max-age=10", "max-stale=1", true, false)]
    public void A_stale_answer_stands_in_for_an_error_within_what_both_sides_allow(
        string cacheControl, string? directives, bool isUnreachable, bool isServed)
    {
        var stored = Example.Stored("Cache-Control: " + cacheControl);

        Assert.Equal(isServed, OnError(stored, 20, directives, isUnreachable));
    }

    [Fact]
    public void Without_a_word_of_anyone_the_setting_decides()
    {
        var stored = Example.Stored("Cache-Control: max-age=10");

        Assert.False(OnError(stored, 20, byDefault: false));
    }

    private static bool OnError(
        StoredResponse stored, int secondsLater, string? directives = null, bool isUnreachable = true,
        bool byDefault = true) =>
        ServingRules.MayServeOnError(
            stored, directives is null ? default : Example.Directives("Cache-Control: " + directives),
            Example.Now + (secondsLater * 1_000L), byDefault, isUnreachable);
}
