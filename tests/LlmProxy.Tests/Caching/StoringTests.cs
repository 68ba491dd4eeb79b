using LlmProxy.Caching;
using Xunit;

namespace LlmProxy.Tests.Caching;

public sealed class StoringTests
{
    [Theory]
    [InlineData("Cache-Control: max-age=3600")]
    [InlineData("Cache-Control: s-maxage=3600")]
    [InlineData("Cache-Control: foobar, MaX-aGe=003600")]
    [InlineData("Cache-Control: max-age=3600, immutable, must-revalidate")]
    [InlineData("Expires: Mon, 02 Nov 2026 11:00:00 GMT", "Date: foo")]
    [InlineData("Cache-Control: max-age=3600", "Expires: 0")]
    [InlineData("Cache-Control: max-age=3600", "Pragma: no-cache")]
    [InlineData("Cache-Control: max-age=3600", "Content-Disposition: attachment")]
    [InlineData("Cache-Control: no-store", "CDN-Cache-Control: max-age=3600")]
    public void What_is_declared_fresh_is_served_from_the_cache(params string[] lines)
    {
        Assert.Equal(Reuse.Fresh, Example.Judge(Example.Stored(lines), secondsLater: 3));
    }

    [Theory]
    [InlineData("Cache-Control: max-age=1")]
    [InlineData("Cache-Control: max-age=3600, s-maxage=1", "ETag: \"x\"")]
    [InlineData("Cache-Control: max-age=0", "ETag: \"x\"", "Expires: Mon, 02 Nov 2026 11:00:00 GMT")]
    [InlineData("Cache-Control: max-age=-1", "ETag: \"x\"")]
    [InlineData("Cache-Control: max-age='3600'", "ETag: \"x\"")]
    [InlineData("Cache-Control: max-age=3600", "Age: 7200", "Date: Mon, 02 Nov 2026 10:00:00 GMT")]
    [InlineData("Cache-Control: max-age=3600", "Date: Mon, 02 Nov 2026 08:00:00 GMT")]
    [InlineData("Expires: Mon, 02 Nov 2026 10:00:20 GMT", "Date: Mon, 02 Nov 2026 10:00:10 GMT", "Age: 15")]
    [InlineData("Expires: Mon, 02 Nov 2026 10:00:10 GMT", "Date: Mon, 02 Nov 2026 09:59:50 GMT", "Age: 25")]
    [InlineData("Expires: 0", "Last-Modified: Sun, 01 Nov 2026 10:00:00 GMT")]
    [InlineData("Cache-Control: no-cache, max-age=3600", "ETag: \"x\"")]
    [InlineData("Cache-Control: max-age=3600", "CDN-Cache-Control: max-age=0", "ETag: \"x\"")]
    public void What_is_stale_or_must_be_is_stored_to_be_validated(params string[] lines)
    {
        Assert.Equal(Reuse.MustValidate, Example.Judge(Example.Stored(lines), secondsLater: 3));
    }

    [Theory]
    [InlineData(nameof(NotStored.NoStore), "Cache-Control: max-age=3600, no-store")]
    [InlineData(nameof(NotStored.NoStore), "Cache-Control: max-age=3600", "CDN-Cache-Control: no-store")]
    [InlineData(nameof(NotStored.Private), "Cache-Control: private, max-age=3600")]
    [InlineData(nameof(NotStored.Private), "Cache-Control: private=\"content-type\", max-age=3600")]
    [InlineData(nameof(NotStored.VaryAny), "Cache-Control: max-age=3600", "Vary: foo, *")]
    [InlineData(nameof(NotStored.VaryAny), "Cache-Control: max-age=3600", "Vary: ", "Vary: *")]
    [InlineData(nameof(NotStored.VaryAny), "Cache-Control: max-age=3600", "Vary: a b")]
    [InlineData(nameof(NotStored.NoLifetime), "ETag: \"x\"")]
    [InlineData(nameof(NotStored.NoLifetime), "Cache-Control: public", "Last-Modified: Sun, 01 Nov 2026 10:00:00 GMT")]
    [InlineData(nameof(NotStored.Stale), "Cache-Control: max-age=0")]
    [InlineData(nameof(NotStored.Stale), "Cache-Control: no-cache, max-age=3600")]
    [InlineData(nameof(NotStored.Stale), "Expires: 0")]
    [InlineData(nameof(NotStored.Stale), "Cache-Control: s-maxage=0, stale-while-revalidate=60")]
    public void What_may_not_be_kept_or_could_never_be_served_is_not_stored(string reason, params string[] lines)
    {
        Assert.Equal(reason, Example.Reason(Example.Case(Example.Fields(lines))).ToString());
    }

    [Theory]
    [InlineData(200)]
    [InlineData(203)]
    [InlineData(204)]
    [InlineData(299)]
    [InlineData(301)]
    [InlineData(302)]
    [InlineData(303)]
    [InlineData(307)]
    [InlineData(308)]
    [InlineData(400)]
    [InlineData(404)]
    [InlineData(410)]
    [InlineData(499)]
    [InlineData(500)]
    [InlineData(502)]
    [InlineData(503)]
    [InlineData(504)]
    [InlineData(599)]
    public void Every_final_answer_that_is_declared_fresh_is_stored(int status)
    {
        var fields = Example.Fields("Expires: Mon, 02 Nov 2026 11:00:00 GMT");

        Assert.Equal(NotStored.None, Example.Reason(Example.Case(fields, status: status)));
    }

    [Theory]
    [InlineData(101)]
    [InlineData(206)]
    [InlineData(304)]
    [InlineData(412)]
    [InlineData(416)]
    [InlineData(428)]
    [InlineData(429)]
    [InlineData(431)]
    [InlineData(511)]
    public void An_answer_that_is_about_one_request_is_not_stored(int status)
    {
        var fields = Example.Fields("Cache-Control: max-age=3600");

        Assert.Equal(NotStored.Status, Example.Reason(Example.Case(fields, status: status)));
    }

    [Fact]
    public void An_answer_that_must_be_understood_is_stored_when_it_is()
    {
        var fields = Example.Fields("Cache-Control: max-age=3600, must-understand, no-store");

        Assert.Equal(NotStored.None, Example.Reason(Example.Case(fields, status: 404)));
        Assert.Equal(NotStored.Status, Example.Reason(Example.Case(fields, status: 599)));
    }

    [Fact]
    public void A_lifetime_is_assigned_only_to_a_200_that_declares_none()
    {
        var silent = Example.Fields("Content-Type: application/json");
        var stored = Storing.Judge(Example.Case(silent, assignedSeconds: 60), out _);
        var declared = Storing.Judge(
            Example.Case(Example.Fields("Cache-Control: max-age=5"), assignedSeconds: 60), out _);

        Assert.Equal(60_000, stored?.Lifetime);
        Assert.Equal(5_000, declared?.Lifetime);
        Assert.Equal(NotStored.NoLifetime, Example.Reason(Example.Case(silent, status: 404, assignedSeconds: 60)));
        Assert.Equal(NotStored.NoLifetime, Example.Reason(Example.Case(silent, assignedSeconds: 0)));
        Assert.Equal(
            NotStored.Stale,
            Example.Reason(Example.Case(Example.Fields("Cache-Control: no-cache"), assignedSeconds: 60)));
        Assert.Equal(
            NotStored.NoStore,
            Example.Reason(Example.Case(Example.Fields("Cache-Control: no-store"), assignedSeconds: 60)));
    }

    [Fact]
    public void A_post_is_stored_only_for_who_asked_for_it_and_only_when_it_went_well()
    {
        var fields = Example.Fields("Cache-Control: max-age=3600", "ETag: \"x\"");

        Assert.Equal(NotStored.Method, Example.Reason(Example.Case(fields, method: "POST")));
        Assert.Equal(
            NotStored.Status, Example.Reason(Example.Case(fields, method: "POST", status: 404, assignedSeconds: 60)));
        var stored = Storing.Judge(Example.Case(fields, method: "POST", assignedSeconds: 60), out _);
        Assert.Equal(3_600_000, stored?.Lifetime);
        Assert.False(stored?.CanBeValidated);
    }

    [Theory]
    [InlineData("HEAD")]
    [InlineData("PUT")]
    [InlineData("OPTIONS")]
    [InlineData("QUERY")]
    public void Answers_to_other_methods_are_not_stored(string method)
    {
        var fields = Example.Fields("Cache-Control: max-age=3600");

        Assert.Equal(NotStored.Method, Example.Reason(Example.Case(fields, method: method, assignedSeconds: 60)));
    }

    [Fact]
    public void A_request_can_forbid_it()
    {
        var request = Example.Request("Cache-Control: no-store");

        Assert.Equal(
            NotStored.RequestNoStore,
            Example.Reason(Example.Case(Example.Fields("Cache-Control: max-age=60"), request)));
    }

    [Fact]
    public void Of_a_request_for_a_range_only_the_whole_is_stored()
    {
        var request = Example.Request("Range: bytes=0-1");
        var fields = Example.Fields("Cache-Control: max-age=60");

        Assert.Equal(NotStored.None, Example.Reason(Example.Case(fields, request)));
        Assert.Equal(NotStored.Status, Example.Reason(Example.Case(fields, request, status: 404)));
    }

    [Fact]
    public void Everything_is_kept_but_the_age_what_is_about_this_hop_and_what_is_singled_out()
    {
        var stored = Example.Stored(
            "Cache-Control: max-age=3600, no-cache=\"A\", private=\"b\"", "a: 1", "B: 2", "c: 3", "c: 4", "Age: 5",
            "Date: Mon, 02 Nov 2026 10:00:00 GMT", "Proxy-Authenticate: x", "Proxy-Authentication-Info: x",
            "Proxy-Authorization: x", "Content-Range: x", "Clear-Site-Data: \"cookies\"", "ETag: W/\"x\"");

        Assert.Equal("Cache-Control, c, Date, Content-Range, Clear-Site-Data, ETag", Example.NamesOf(stored.Fields));
        Assert.Equal(["3", "4"], stored.Value("C").ToArray());
        Assert.Equal(5_000, stored.InitialAge);
        Assert.Equal("W/\"x\"", stored.ETag);
    }

    [Fact]
    public void An_answer_without_a_date_gets_the_one_when_it_came()
    {
        Assert.Equal(Example.Date(0), Example.Stored("Cache-Control: max-age=3600").Value("Date").ToString());
    }

    [Fact]
    public void What_a_stale_answer_may_still_do_is_kept_with_it()
    {
        var stored = Example.Stored("Cache-Control: max-age=0, stale-while-revalidate=10, stale-if-error=20");

        Assert.Equal((10_000L, 20_000L), (stored.StaleWhileRevalidate, stored.StaleIfError));
        Assert.False(stored.MustNotBeStale);
        Assert.True(Example.Stored("Cache-Control: max-age=5, proxy-revalidate").MustNotBeStale);
        Assert.True(Example.Stored("Cache-Control: s-maxage=5").MustNotBeStale);
    }

    [Fact]
    public void A_validator_that_is_there_twice_is_none()
    {
        var stored = Example.Stored("Cache-Control: max-age=5", "ETag: \"x\"", "ETag: \"y\"", "Last-Modified: ");

        Assert.False(stored.CanBeValidated);
    }
}
