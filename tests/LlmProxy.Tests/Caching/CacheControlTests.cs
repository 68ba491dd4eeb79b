using System.Text;
using CsCheck;
using LlmProxy.Caching;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Xunit;

namespace LlmProxy.Tests.Caching;

public sealed class CacheControlTests
{
    [Theory]
    [InlineData("max-age=60", 60L)]
    [InlineData("MaX-aGe=60", 60L)]
    [InlineData("max-age=0060", 60L)]
    [InlineData("max-age=\"60\"", 60L)]
    [InlineData("foobar, max-age=60", 60L)]
    [InlineData(" ,, max-age=60 , ,", 60L)]
    [InlineData("x=\"max-age=3600, no-store\", max-age=60", 60L)]
    [InlineData("x=\"a\\\", max-age=3600\", max-age=60", 60L)]
    [InlineData("max-age=2147483648", 2_147_483_648L)]
    [InlineData("max-age=99999999999999999999999", 2_147_483_648L)]
    [InlineData("max-age", 0L)]
    [InlineData("max-age=", 0L)]
    [InlineData("max-age=-60", 0L)]
    [InlineData("max-age=60.0", 0L)]
    [InlineData("max-age=60a", 0L)]
    [InlineData("max-age='60'", 0L)]
    [InlineData("max-age =60", 0L)]
    [InlineData("max-age= 60", 0L)]
    [InlineData("max-age=\"60", 0L)]
    [InlineData("max-age=6\"0\"", 0L)]
    [InlineData("max-age=1800, max-age=60", 60L)]
    [InlineData("max-age=60, max-age=1800", 60L)]
    [InlineData("max-age=60, max-age=x", 0L)]
    [InlineData("xmax-age=60", null)]
    [InlineData("x=max-age=60", null)]
    [InlineData("", null)]
    public void A_lifetime_is_read_as_the_strictest_that_is_meant(string line, long? seconds)
    {
        Assert.Equal(seconds, Read("Cache-Control: " + line).MaxAge);
    }

    [Fact]
    public void Directives_may_be_spread_over_lines()
    {
        var read = Read("Cache-Control: s-maxage=3600, Public", "Cache-Control: max-age=1, MUST-revalidate");

        Assert.Equal((3_600L, 1L), (read.SMaxAge, read.MaxAge));
        Assert.True(read.Public && read.MustRevalidate);
        Assert.False(read.NoStore || read.NoCache || read.Private || read.ProxyRevalidate || read.MustUnderstand);
    }

    [Theory]
    [InlineData("No-StOrE")]
    [InlineData("max-age=60,no-store")]
    [InlineData("no-store=\"x\"")]
    [InlineData("x=\", no-store")]
    public void What_forbids_storing_is_seen_wherever_it_is(string line)
    {
        Assert.True(Read("Cache-Control: " + line).NoStore);
    }

    [Theory]
    [InlineData("private=\"a, b\", no-cache=\"c\"", "a,b", "c")]
    [InlineData("private=a, no-cache=\" , c,, d\"", "a", "c,d")]
    [InlineData("private=\"a\", private=\"b\"", "a,b", "")]
    public void Some_fields_can_be_singled_out(string line, string privateFields, string noCacheFields)
    {
        var read = Read("Cache-Control: " + line);

        Assert.False(read.Private || read.NoCache);
        Assert.Equal(privateFields, string.Join(',', read.PrivateFields));
        Assert.Equal(noCacheFields, string.Join(',', read.NoCacheFields));
    }

    [Theory]
    [InlineData("private, no-cache")]
    [InlineData("private=\"\", no-cache=\"\"")]
    [InlineData("private=\"a b\", no-cache=\"@\"")]
    [InlineData("private=\"a\", private, no-cache=\"c\", no-cache")]
    [InlineData("private=\"content-type\", no-cache=\"Content-Encoding\"")]
    public void Fields_that_are_no_names_or_without_which_nothing_is_left_single_out_nothing(string line)
    {
        var read = Read("Cache-Control: " + line);

        Assert.True(read.Private && read.NoCache);
    }

    [Fact]
    public void The_first_targeted_field_that_is_valid_overrides_all_else()
    {
        var fields = Example.Fields(
            "Cache-Control: no-store, max-age=1", "B-Cache-Control: max-age=60;a=b, no-cache=\"x\"",
            "C-Cache-Control: max-age=90", "A-Cache-Control: ");

        var read = ResponseDirectives.Read(fields, ["A-Cache-Control", "B-Cache-Control", "C-Cache-Control"]);

        Assert.True(read.AreTargeted);
        Assert.Equal(60, read.MaxAge);
        Assert.Equal(["x"], read.NoCacheFields);
        Assert.False(read.NoStore);
    }

    [Theory]
    [InlineData("MAX-AGE=60")]
    [InlineData("max-age=60,")]
    [InlineData("max-age= 60")]
    [InlineData("max-age=60 no-store")]
    [InlineData("max-age=60, a=\"b")]
    [InlineData("max-age=60, a=\u00e9")]
    [InlineData("max-age=1234567890123456")]
    [InlineData("max-age=60;A")]
    [InlineData("a=(1 2")]
    [InlineData("a=(1\"x\")")]
    [InlineData("a=?2")]
    [InlineData("a=:x")]
    [InlineData("a=1.")]
    [InlineData(" ")]
    public void A_targeted_field_with_a_mistake_is_not_there(string line)
    {
        var read = Read("CDN-Cache-Control: " + line, "Cache-Control: max-age=5");

        Assert.False(read.AreTargeted);
        Assert.Equal(5, read.MaxAge);
    }

    [Theory]
    [InlineData("max-age=60", 60L)]
    [InlineData("max-age=60, a=(1 \"x\";q=1 tok);b, c=:aGk=:, d=?0, e=-1.5, f=*t/x:y", 60L)]
    [InlineData("max-age=10, max-age=60", 60L)]
    [InlineData("max-age=60.0", 0L)]
    [InlineData("max-age=\"60\"", 0L)]
    [InlineData("max-age=-60", 0L)]
    [InlineData("max-age", 0L)]
    [InlineData("none", null)]
    public void A_targeted_lifetime_must_be_an_integer(string line, long? seconds)
    {
        var read = Read("CDN-Cache-Control: " + line, "Cache-Control: max-age=5");

        Assert.True(read.AreTargeted);
        Assert.Equal(seconds, read.MaxAge);
    }

    [Fact]
    public void A_targeted_directive_that_is_said_to_be_false_is_not_there()
    {
        Assert.False(Read("CDN-Cache-Control: no-store=?0").NoStore);
        Assert.True(Read("CDN-Cache-Control: no-store=?1").NoStore);
        Assert.True(Read("CDN-Cache-Control: max-age=1", "CDN-Cache-Control: no-store").NoStore);
    }

    [Fact]
    public void A_request_says_what_it_takes()
    {
        var read = Example.Directives(
            "Cache-Control: no-cache, NO-store, only-if-cached, max-age=1, max-stale=2", "Cache-Control: min-fresh=3",
            "Cache-Control: stale-if-error=\"4\", unknown");

        Assert.Equal(new RequestDirectives(true, true, true, 1, 2, 3, 4), read);
    }

    [Theory]
    [InlineData("max-stale", null, long.MaxValue, null)]
    [InlineData("max-stale=5, max-stale", null, 5L, null)]
    [InlineData("max-stale=x, min-fresh=x", null, null, null)]
    [InlineData("max-age=x", 0L, null, null)]
    [InlineData("max-age", 0L, null, null)]
    [InlineData("max-age=60, max-age=30, min-fresh=1, min-fresh=2", 30L, null, 2L)]
    public void What_a_request_says_badly_or_twice_is_never_less_strict(
        string line, long? maxAge, long? maxStale, long? minFresh)
    {
        var read = Example.Directives("Cache-Control: " + line);

        Assert.Equal((maxAge, maxStale, minFresh), (read.MaxAge, read.MaxStale, read.MinFresh));
    }

    [Fact]
    public void Pragma_counts_only_where_there_is_no_Cache_Control()
    {
        Assert.True(Example.Directives("Pragma: x, No-Cache").NoCache);
        Assert.False(Example.Directives("Pragma: no-cache", "Cache-Control: max-age=5").NoCache);
        Assert.Equal(RequestDirectives.None, Example.Directives("Pragma: max-age=0"));
    }

    [Fact]
    public void A_request_that_asks_nothing_of_caches_costs_no_allocation()
    {
        var plain = Example.Request("Accept: */*");
        RequestDirectives.Read(plain);
        var before = GC.GetAllocatedBytesForCurrentThread();

        for (var i = 0; i < 1_000; i++)
        {
            RequestDirectives.Read(plain);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void No_bytes_bring_the_readers_down()
    {
        // CsCheck prints the seed of what fails.
        Gen.Byte.Array[0, 60].Sample(
            static bytes =>
            {
                var text = Encoding.Latin1.GetString(bytes);
                ReadAnything(text);
            },
            iter: 100_000, threads: 1);
    }

    [Fact]
    public void No_text_that_nearly_is_a_directive_brings_the_readers_down()
    {
        var piece = Gen.OneOf(
            "max-age", "=", "\"", "\\", ",", " ", "60", "no-cache", "private", "a", "(", ")", ";", ":", "?1", "-", ".",
            "stale-if-error", "*", "\t");

        piece.Array[0, 30].Sample(static pieces => ReadAnything(string.Concat(pieces)), iter: 100_000, threads: 1);
    }

    [Fact]
    public void A_line_of_open_quotes_takes_no_longer_than_any_other()
    {
        var line = string.Concat(Enumerable.Repeat("\"\\\",", 200_000));
        var reader = new ListReader(line);
        var members = 0;

        while (reader.MoveNext())
        {
            members++;
        }

        Assert.True(members > 0);
    }

    private static void ReadAnything(string text)
    {
        var headers = new HeaderDictionary { ["Cache-Control"] = new StringValues([text, text]) };
        RequestDirectives.Read(headers);
        var fields = new[] { new HeaderField("Cache-Control", text), new HeaderField("CDN-Cache-Control", text) };
        var read = ResponseDirectives.Read(fields, ["CDN-Cache-Control"]);
        Assert.InRange(read.MaxAge ?? 0, 0, DeltaSeconds.Max);
        Assert.False(HttpDate.TryParse(text, Example.Now, out var time) && time == 0);
    }

    private static ResponseDirectives Read(params string[] lines) =>
        ResponseDirectives.Read(Example.Fields(lines), Example.Options.TargetedFields);
}
