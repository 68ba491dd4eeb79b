using LlmProxy.Caching;
using Xunit;

namespace LlmProxy.Tests.Caching;

public sealed class ValidationTests
{
    private const string Modified = "Last-Modified: Mon, 02 Nov 2026 09:00:00 GMT";

    [Theory]
    [InlineData("ETag: \"a\"", "If-None-Match: \"a\"")]
    [InlineData("ETag: \"a\"", "If-None-Match: W/\"a\"")]
    [InlineData("ETag: W/\"a\"", "If-None-Match: \"a\"")]
    [InlineData("ETag: W/\"a\"", "If-None-Match: W/\"a\"")]
    [InlineData("ETag: \"a\"", "If-None-Match: \"1\", \"a\", \"2\"")]
    [InlineData("ETag: \"a\"", "If-None-Match: \"1\"", "If-None-Match: \"a\"")]
    [InlineData("ETag: \"a,b\"", "If-None-Match: \"1\",\"a,b\"")]
    [InlineData("ETag: \"a\\\"", "If-None-Match: \"1\\\", \"a\\\"")]
    [InlineData("ETag: \"abcdef\u00fc\"", "If-None-Match: \"abcdef\u00fc\"")]
    [InlineData("ETag: a", "If-None-Match: a")]
    [InlineData("X: y", "If-None-Match: *")]
    [InlineData("ETag: \"a\"", "If-None-Match: \"a\"", "If-Modified-Since: Mon, 02 Nov 2020 09:00:00 GMT")]
    [InlineData(Modified, "If-Modified-Since: Mon, 02 Nov 2026 09:00:00 GMT")]
    [InlineData(Modified, "If-Modified-Since: Mon, 02 Nov 2026 09:30:00 GMT")]
    [InlineData(Modified, "If-Modified-Since: Monday, 02-Nov-26 09:00:00 GMT")]
    [InlineData("X: y", "If-Modified-Since: Mon, 02 Nov 2026 10:00:00 GMT")]
    public void A_client_that_has_the_answer_is_told_so(string stored, params string[] request)
    {
        Assert.True(IsNotModified(stored, request));
    }

    [Theory]
    [InlineData("ETag: \"a\"", "If-None-Match: \"b\"")]
    [InlineData("ETag: \"a\"", "If-None-Match: \"A\"")]
    [InlineData("ETag: \"a\"", "If-None-Match: a")]
    [InlineData("ETag: \"a\"", "If-None-Match: \"1,\"a\"")]
    [InlineData("ETag: \"a\"", "If-None-Match: ")]
    [InlineData(Modified, "If-None-Match: \"a\"", "If-Modified-Since: Mon, 02 Nov 2026 09:00:00 GMT")]
    [InlineData(Modified, "If-Modified-Since: Mon, 02 Nov 2026 08:59:59 GMT")]
    [InlineData(Modified, "If-Modified-Since: soon")]
    [InlineData(Modified, "If-Match: \"a\"", "If-Unmodified-Since: Mon, 02 Nov 2026 09:00:00 GMT")]
    [InlineData("X: y", "If-Modified-Since: Mon, 02 Nov 2026 09:59:59 GMT")]
    [InlineData("Last-Modified: long ago", "If-Modified-Since: Mon, 02 Nov 2026 10:00:00 GMT")]
    [InlineData(Modified, "X: y")]
    public void A_client_that_may_not_have_it_gets_it(string stored, params string[] request)
    {
        Assert.False(IsNotModified(stored, request));
    }

    [Fact]
    public void Conditions_count_for_reading_and_for_what_went_well()
    {
        var request = Example.Request("If-None-Match: \"a\"");
        var fields = Example.Fields("Cache-Control: max-age=60", "ETag: \"a\"");
        var stored = Storing.Judge(Example.Case(fields), out _)!;
        var gone = Storing.Judge(Example.Case(fields, status: 410), out _)!;

        Assert.True(Validation.IsNotModified("HEAD", request, stored));
        Assert.False(Validation.IsNotModified("POST", request, stored));
        Assert.False(Validation.IsNotModified("GET", request, gone));
    }

    [Theory]
    [InlineData("If-None-Match: x", true, false)]
    [InlineData("If-Modified-Since: x", true, false)]
    [InlineData("If-Range: x", true, false)]
    [InlineData("If-Match: x", true, true)]
    [InlineData("If-Unmodified-Since: x", true, true)]
    [InlineData("If: x", false, false)]
    public void Some_conditions_are_for_the_provider_only(string line, bool isCondition, bool isForProvider)
    {
        Assert.Equal(isCondition, Validation.HasConditions(Example.Request(line)));
        Assert.Equal(isForProvider, Validation.HasOriginConditions(Example.Request(line)));
    }

    [Fact]
    public void A_304_to_the_client_has_what_caches_need_and_no_more()
    {
        var tagged = Example.Stored(
            "Cache-Control: max-age=60", "Date: Mon, 02 Nov 2026 10:00:00 GMT", "etag: \"a\"", Modified, "Vary: Foo",
            "Expires: 0", "Content-Location: /x", "Content-Type: text/plain", "Content-Length: 10", "X: y");
        var dated = Example.Stored("Cache-Control: max-age=60", Modified);

        Assert.Equal(
            "Cache-Control, Date, etag, Vary, Expires, Content-Location",
            Example.NamesOf(Validation.NotModifiedFields(tagged)));
        Assert.Equal("Cache-Control, Last-Modified, Date", Example.NamesOf(Validation.NotModifiedFields(dated)));
    }

    [Fact]
    public void A_304_makes_the_entry_fresh_with_its_fields_and_what_it_leaves_out_stays()
    {
        var stored = Example.Stored(
            "Cache-Control: max-age=2", "Date: Mon, 02 Nov 2026 10:00:00 GMT", "ETag: \"a\"", "Kept: 1", "Changed: 1",
            "Changed: 2", "Content-Type: text/plain");
        stored = stored with { IsStream = true, Model = "other" };

        var updated = Update(
            stored, secondsLater: 100, "Cache-Control: max-age=3600", "ETag: \"a\"", "changed: 3", "New: 4",
            "Content-Type: text/plain;charset=utf-8", "Date: Mon, 02 Nov 2026 10:01:40 GMT", "Age: 7");

        Assert.NotNull(updated);
        Assert.Equal((3_600_000L, 7_000L), (updated.Lifetime, updated.InitialAge));
        Assert.Equal(Example.Now + 100_000, updated.ReceivedAt);
        Assert.Equal(
            "ETag: \"a\"|Kept: 1|Cache-Control: max-age=3600|changed: 3|New: 4"
                + "|Content-Type: text/plain;charset=utf-8|Date: Mon, 02 Nov 2026 10:01:40 GMT",
            string.Join('|', updated.Fields.Select(static field => $"{field.Name}: {field.Values}")));
        Assert.Equal(stored.Body, updated.Body);
        Assert.Equal((200, true, "other"), (updated.Status, updated.IsStream, updated.Model));
    }

    [Fact]
    public void A_304_changes_nothing_that_belongs_to_the_body()
    {
        string[] own =
        [
            "Content-Encoding: a", "Content-Length: 10", "Content-MD5: a", "Content-Range: a", "Content-Digest: a",
            "ETag: \"a\"",
        ];
        var stored = Example.Stored([.. own, "Cache-Control: max-age=2"]);

        var updated = Update(
            stored, secondsLater: 1, "Content-Encoding: b", "Content-Length: 5", "Content-MD5: b", "Content-Range: b",
            "Content-Digest: b", "ETag: \"b\"");

        Assert.NotNull(updated);
        Assert.All(Example.Fields(own), field => Assert.Equal(field.Values, updated.Value(field.Name)));
        Assert.Equal("\"a\"", updated.ETag);
    }

    [Fact]
    public void A_304_without_a_date_is_as_old_as_its_arrival()
    {
        var stored = Example.Stored("Cache-Control: max-age=2", "ETag: \"a\"", "Date: " + Example.Date(0));

        var updated = Update(stored, secondsLater: 100);

        Assert.Equal(0, updated?.InitialAge);
        Assert.Equal(Example.Date(100), updated?.Value("Date").ToString());
    }

    [Theory]
    [InlineData("Cache-Control: no-store")]
    [InlineData("Cache-Control: private")]
    [InlineData("Vary: *")]
    public void A_304_may_end_the_keeping(string line)
    {
        Assert.Null(Update(Example.Stored("Cache-Control: max-age=2", "ETag: \"a\""), secondsLater: 1, line));
    }

    [Theory]
    [InlineData("ETag: \"a\"", "ETag: \"a\"", true)]
    [InlineData("ETag: \"a\"", "ETag: \"b\"", false)]
    [InlineData("ETag: W/\"a\"", "ETag: \"a\"", false)]
    [InlineData("ETag: W/\"a\"", "ETag: W/\"a\"", true)]
    [InlineData("ETag: \"a\"", "ETag: W/\"a\"", true)]
    [InlineData("ETag: \"a\"", "X: y", false)]
    [InlineData("X: y", "X: y", true)]
    [InlineData("X: y", "ETag: \"a\"", false)]
    [InlineData(Modified, Modified, true)]
    [InlineData(Modified, "Last-Modified: Mon, 02 Nov 2026 09:00:01 GMT", false)]
    public void A_304_to_more_than_our_own_question_must_say_that_it_means_the_entry(
        string own, string line, bool isUpdated)
    {
        var stored = Example.Stored("Cache-Control: max-age=2", own);

        var updated = Validation.Update(
            stored, Example.Case(Example.Fields(line), status: 304), otherTagsWereSent: true);

        Assert.Equal(isUpdated, updated is not null);
    }

    [Theory]
    [InlineData(200, nameof(HeadVerdict.Updates), "X: 2")]
    [InlineData(200, nameof(HeadVerdict.Updates), "ETag: \"a\"", Modified, "Content-Length: 10", "X: 2")]
    [InlineData(200, nameof(HeadVerdict.Invalidates), "ETag: \"b\"")]
    [InlineData(200, nameof(HeadVerdict.Invalidates), "ETag: W/\"a\"")]
    [InlineData(200, nameof(HeadVerdict.Invalidates), "Last-Modified: Mon, 02 Nov 2026 09:00:01 GMT")]
    [InlineData(200, nameof(HeadVerdict.Invalidates), "Content-Length: 11")]
    [InlineData(200, nameof(HeadVerdict.Invalidates), "Cache-Control: no-store")]
    [InlineData(410, nameof(HeadVerdict.None), "ETag: \"b\"")]
    [InlineData(304, nameof(HeadVerdict.None), "ETag: \"b\"")]
    public void The_answer_to_a_head_updates_what_a_get_gave_or_shows_that_it_is_over(
        int status, string verdict, params string[] lines)
    {
        var stored = Example.Stored("Cache-Control: max-age=60", "ETag: \"a\"", Modified, "X: 1");
        var head = Example.Case(Example.Fields(lines), method: "HEAD", status: status);

        var effect = Validation.Compare(stored, head);

        Assert.Equal(verdict, effect.Verdict.ToString());
        var isUpdated = verdict == nameof(HeadVerdict.Updates);
        Assert.Equal(isUpdated ? "2" : null, effect.Updated?.Value("X").ToString());
        Assert.Equal(isUpdated, effect.Updated is { ETag: "\"a\"", Body.Length: 10 });
    }

    private static bool IsNotModified(string stored, string[] request) =>
        Validation.IsNotModified(
            "GET", Example.Request(request),
            Example.Stored("Cache-Control: max-age=60", "Date: Mon, 02 Nov 2026 10:00:00 GMT", stored));

    private static StoredResponse? Update(StoredResponse stored, int secondsLater, params string[] lines) =>
        Validation.Update(
            stored,
            Example.Case(Example.Fields(lines), status: 304, at: Example.Now + (secondsLater * 1_000L)));
}
