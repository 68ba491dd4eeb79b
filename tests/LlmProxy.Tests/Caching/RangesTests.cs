using CsCheck;
using LlmProxy.Caching;
using Xunit;

namespace LlmProxy.Tests.Caching;

public sealed class RangesTests
{
    private const string Modified = "Last-Modified: Mon, 02 Nov 2026 09:00:00 GMT";

    [Theory]
    [InlineData("bytes=0-1", 0, 1)]
    [InlineData("Bytes=0-0", 0, 0)]
    [InlineData("bytes=1-", 1, 9)]
    [InlineData("bytes=-1", 9, 9)]
    [InlineData("bytes=-100", 0, 9)]
    [InlineData("bytes=5-99999999999999999999999999", 5, 9)]
    [InlineData("bytes= 0-1 ", 0, 1)]
    public void A_range_of_the_ten_bytes_is_cut_out(string range, long from, long to)
    {
        Assert.Equal(RangeChoice.Part(from, to), Choose("Range: " + range));
    }

    [Theory]
    [InlineData("bytes=10-")]
    [InlineData("bytes=99999999999999999999-99999999999999999999")]
    [InlineData("bytes=-0")]
    public void A_range_that_is_not_there_is_unsatisfiable(string range)
    {
        Assert.Equal(RangeChoice.Unsatisfiable, Choose("Range: " + range));
    }

    [Theory]
    [InlineData("X: y")]
    [InlineData("Range: lines=0-1")]
    [InlineData("Range: bytes=0-1,3-4")]
    [InlineData("Range: bytes=0-1", "Range: bytes=3-4")]
    [InlineData("Range: bytes=3-1")]
    [InlineData("Range: bytes=-")]
    [InlineData("Range: bytes=a-1")]
    [InlineData("Range: bytes=0-1a")]
    [InlineData("Range: bytes=--1")]
    [InlineData("Range: bytes = 0-1")]
    [InlineData("Range: bytes=0")]
    [InlineData("Range: bytes")]
    public void A_range_that_need_not_be_understood_is_the_whole(params string[] lines)
    {
        Assert.Equal(RangeChoice.Whole, Choose(lines));
    }

    [Theory]
    [InlineData("\"a\"", true)]
    [InlineData("Mon, 02 Nov 2026 09:00:00 GMT", true)]
    [InlineData("W/\"a\"", false)]
    [InlineData("\"b\"", false)]
    [InlineData("Monday, 02-Nov-26 09:00:00 GMT", false)]
    [InlineData("Mon, 02 Nov 2026 09:00:01 GMT", false)]
    public void A_part_goes_only_to_what_is_certainly_the_same(string condition, bool isPart)
    {
        var choice = Choose("Range: bytes=0-1", "If-Range: " + condition);

        Assert.Equal(isPart ? RangeKind.Part : RangeKind.Whole, choice.Kind);
    }

    [Theory]
    [InlineData("ETag: W/\"a\"", "W/\"a\"")]
    [InlineData("Last-Modified: Mon, 02 Nov 2026 10:00:00 GMT", "Mon, 02 Nov 2026 10:00:00 GMT")]
    public void A_weak_validator_is_none_for_a_part(string validator, string condition)
    {
        var stored = Example.Stored("Cache-Control: max-age=60", "Date: Mon, 02 Nov 2026 10:00:00 GMT", validator);
        var request = Example.Request("Range: bytes=0-1", "If-Range: " + condition);

        Assert.Equal(RangeChoice.Whole, Ranges.Choose("GET", request, stored));
    }

    [Fact]
    public void Only_a_get_of_a_complete_answer_that_takes_ranges_is_cut()
    {
        var request = Example.Request("Range: bytes=0-1");
        var stored = Example.Stored("Cache-Control: max-age=60");

        Assert.Equal(RangeKind.Part, Ranges.Choose("GET", request, stored).Kind);
        Assert.Equal(RangeKind.Whole, Ranges.Choose("HEAD", request, stored).Kind);
        Assert.Equal(RangeKind.Whole, Ranges.Choose("POST", request, stored).Kind);
        Assert.Equal(RangeKind.Whole, Ranges.Choose("GET", request, stored with { Status = 404 }).Kind);
        Assert.Equal(RangeKind.Whole, Ranges.Choose("GET", request, stored with { IsStream = true }).Kind);
        Assert.Equal(
            RangeKind.Whole,
            Ranges.Choose("GET", request, Example.Stored("Cache-Control: max-age=60", "Accept-Ranges: none")).Kind);
    }

    [Fact]
    public void An_empty_body_has_no_ranges()
    {
        var empty = Example.Stored("Cache-Control: max-age=60").WithBody(default);

        Assert.Equal(
            RangeKind.Unsatisfiable, Ranges.Choose("GET", Example.Request("Range: bytes=0-"), empty).Kind);
        Assert.Equal(RangeKind.Whole, Ranges.Choose("GET", Example.Request("Range: bytes=-5"), empty).Kind);
    }

    [Fact]
    public void Whatever_is_asked_a_part_is_within_the_body()
    {
        var piece = Gen.OneOf("bytes=", "-", "0", "9", "10", "5", ",", " ", "x", "99999999999999999999");
        var stored = Example.Stored("Cache-Control: max-age=60");

        piece.Array[0, 6].Sample(
            pieces =>
            {
                var choice = Ranges.Choose("GET", Example.Request("Range: bytes=" + string.Concat(pieces)), stored);
                return choice.Kind != RangeKind.Part
                    || (choice.From >= 0 && choice.From <= choice.To && choice.To < 10);
            },
            iter: 20_000, threads: 1);
    }

    private static RangeChoice Choose(params string[] lines) =>
        Ranges.Choose(
            "GET", Example.Request(lines),
            Example.Stored(
                "Cache-Control: max-age=60", "Date: Mon, 02 Nov 2026 10:00:00 GMT", "ETag: \"a\"", Modified));
}
