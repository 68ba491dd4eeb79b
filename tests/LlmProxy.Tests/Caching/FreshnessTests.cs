using CsCheck;
using LlmProxy.Caching;
using Xunit;

namespace LlmProxy.Tests.Caching;

public sealed class FreshnessTests
{
    [Theory]
    [InlineData("Sun, 06 Nov 1994 08:49:37 GMT")]
    [InlineData("Sunday, 06-Nov-94 08:49:37 GMT")]
    [InlineData("Sun Nov  6 08:49:37 1994")]
    [InlineData("sUN, 06 nOV 1994 08:49:37 gmt")]
    public void A_date_is_read_in_all_its_forms(string text)
    {
        Assert.True(HttpDate.TryParse(text, Example.Now, out var time));
        Assert.Equal(784_111_777_000, time);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("")]
    [InlineData("-1")]
    [InlineData("Sun, 06 Nov 1994 08:49:37")]
    [InlineData("Sun, 06 Nov 1994 08:49:37 UTC")]
    [InlineData("Sun, 06 Nov 1994 08:49:37 AEST")]
    [InlineData("Sun 06 Nov 1994 08:49:37 GMT")]
    [InlineData("Sun, 06  Nov  1994 08:49:37 GMT")]
    [InlineData("Sun, 06-Nov-1994 08:49:37 GMT")]
    [InlineData("Sun, 06 Nov 94 08:49:37 GMT")]
    [InlineData("Sun, 06 Nov 1994 08.49.37 GMT")]
    [InlineData("Sun, 06 Nov 1994 8:49:37 GMT")]
    [InlineData("Sun, 06 Nov 1994 24:49:37 GMT")]
    [InlineData("Sun, 31 Feb 1994 08:49:37 GMT")]
    [InlineData("Sun, 00 Nov 0000 08:49:37 GMT")]
    [InlineData("Sux, 06 Nov 1994 08:49:37 GMT")]
    [InlineData("Sun, 06 Nox 1994 08:49:37 GMT")]
    [InlineData("Sunday, 06-Nov-1994 08:49:37 GMT")]
    [InlineData("Sun Nov 06 08:49:37 19x4")]
    public void What_is_nearly_a_date_is_none(string text)
    {
        Assert.False(HttpDate.TryParse(text, Example.Now, out _));
    }

    [Theory]
    [InlineData("Thursday, 18-Aug-50 02:01:18 GMT", 2050)]
    [InlineData("Thursday, 18-Aug-76 02:01:18 GMT", 2076)]
    [InlineData("Thursday, 18-Aug-77 02:01:18 GMT", 1977)]
    public void Two_digits_are_a_year_no_more_than_fifty_ahead(string text, int year)
    {
        Assert.True(HttpDate.TryParse(text, Example.Now, out var time));
        Assert.Equal(year, DateTimeOffset.FromUnixTimeMilliseconds(time).Year);
    }

    [Fact]
    public void A_date_that_was_written_is_read_as_it_was()
    {
        Gen.Long[-62_135_596_800, 253_402_300_799].Sample(
            static seconds =>
                HttpDate.TryParse(HttpDate.Write(seconds * 1_000), Example.Now, out var time)
                && time == seconds * 1_000,
            iter: 20_000, threads: 1);
    }

    [Theory]
    [InlineData(600, "Cache-Control: max-age=600")]
    [InlineData(60, "Cache-Control: max-age=600, s-maxage=60")]
    [InlineData(3_600, "Cache-Control: max-age=0, s-maxage=3600", "Expires: 0")]
    [InlineData(3_600, "Cache-Control: max-age=3600", "Expires: 0")]
    [InlineData(7, "CDN-Cache-Control: max-age=7", "Cache-Control: max-age=600, s-maxage=60", "Expires: 0")]
    [InlineData(0, "Cache-Control: s-maxage=x, max-age=600")]
    [InlineData(0, "Expires: 0")]
    [InlineData(0, "Expires: Mon, 02 Nov 2026 10:00:00 GMT")]
    [InlineData(0, "Expires: Mon, 02 Nov 2026 10:00:05 GMT", "Date: Mon, 02 Nov 2026 10:00:10 GMT")]
    [InlineData(0, "Expires: Mon, 02 Nov 2026 11:00:00 GMT", "Expires: Mon, 02 Nov 2026 11:00:00 GMT")]
    [InlineData(3_600, "Expires: Mon, 02 Nov 2026 11:00:00 GMT")]
    [InlineData(3_600, "Expires: Mon, 02 Nov 2026 11:00:00 GMT", "Date: foo")]
    [InlineData(3_601, "Expires: Monday, 02-Nov-26 11:00:00 GMT", "Date: Mon, 02 Nov 2026 09:59:59 GMT")]
    public void A_lifetime_is_what_the_most_specific_field_says(int seconds, params string[] lines)
    {
        Assert.Equal(seconds * 1_000L, Lifetime(lines));
    }

    [Theory]
    [InlineData("ETag: \"x\"")]
    [InlineData("Cache-Control: public", "Last-Modified: Sun, 01 Nov 2026 10:00:00 GMT")]
    [InlineData("CDN-Cache-Control: public", "Expires: Mon, 02 Nov 2026 11:00:00 GMT")]
    [InlineData("Pragma: no-cache")]
    public void An_answer_that_declares_nothing_has_no_lifetime(params string[] lines)
    {
        Assert.Null(Lifetime(lines));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(30, "Age: 30")]
    [InlineData(30, "Age: 30,0")]
    [InlineData(0, "Age: 0,7200")]
    [InlineData(2_147_483_648, "Age: 99999999999999999999")]
    [InlineData(60, "Date: Mon, 02 Nov 2026 09:59:00 GMT")]
    [InlineData(60, "Date: Mon, 02 Nov 2026 09:59:00 GMT", "Age: 30")]
    [InlineData(90, "Date: Mon, 02 Nov 2026 09:59:00 GMT", "Age: 90")]
    [InlineData(0, "Date: Mon, 02 Nov 2026 12:00:00 GMT")]
    [InlineData(5, "Date: foo", "Age: 5")]
    [InlineData(0, "Age: abc")]
    [InlineData(0, "Age: -7200")]
    [InlineData(0, "Age: 7200.0")]
    [InlineData(0, "Age: 7200;foo=bar")]
    [InlineData(0, "Age: ")]
    [InlineData(0, "Age: 0, 0")]
    [InlineData(3_600, "Age: 3600, 7200")]
    [InlineData(0, "Age: 0", "Age: 7200")]
    [InlineData(7_200, "Age: 7200", "Age: 0")]
    public void An_age_is_the_greater_of_what_is_said_and_what_is_seen(long seconds, params string[] lines) =>
        Assert.Equal(seconds * 1_000, Freshness.InitialAgeOf(Example.Fields(lines), Example.Now, Example.Now));

    [Fact]
    public void The_time_that_the_answer_took_makes_it_older() =>
        Assert.Equal(6_500, Freshness.InitialAgeOf(Example.Fields("Age: 5"), Example.Now - 1_500, Example.Now));

    [Fact]
    public void A_second_that_has_not_ended_makes_no_age()
    {
        var fields = Example.Fields("Date: " + Example.Date(0));

        Assert.Equal(0, Freshness.InitialAgeOf(fields, Example.Now + 999, Example.Now + 999));
    }

    [Theory]
    [InlineData(6_000L, "Date: Mon, 02 Nov 2026 10:00:00 GMT", "Last-Modified: Mon, 02 Nov 2026 09:59:00 GMT")]
    [InlineData(86_400_000L, "Last-Modified: Mon, 02 Nov 2020 09:59:00 GMT")]
    [InlineData(0L, "Last-Modified: Mon, 02 Nov 2030 09:59:00 GMT")]
    [InlineData(null, "ETag: \"v\"")]
    public void A_guess_is_a_part_of_the_time_without_a_change_and_a_day_at_most(long? guess, params string[] lines) =>
        Assert.Equal(guess, Freshness.GuessOf(Example.Fields(lines), Example.Now, percent: 10));

    private static long? Lifetime(params string[] lines)
    {
        var fields = Example.Fields(lines);
        return Freshness.LifetimeOf(
            ResponseDirectives.Read(fields, Example.Options.TargetedFields), fields, Example.Now);
    }
}
