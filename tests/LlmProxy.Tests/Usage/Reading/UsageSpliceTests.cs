using System.Buffers;
using System.Text;
using System.Text.Json;
using CsCheck;
using LlmProxy.Usage.Reading;
using Xunit;

namespace LlmProxy.Tests.Usage.Reading;

public sealed class UsageSpliceTests
{
    [Theory]
    [InlineData("""{"stream":true}""", """{"stream_options":{"include_usage":true},"stream":true}""")]
    [InlineData(""" { "model":"m", "stream" : true } """, """ {"stream_options":{"include_usage":true},"""
        + """ "model":"m", "stream" : true } """)]
    [InlineData("""{"stream_options":{},"stream":true}""", """{"stream_options":{"include_usage":true},"stream":"""
        + """true}""")]
    [InlineData("""{"stream":true,"stream_options":{"x":[1]}}""", """{"stream":true,"stream_options":"""
        + """{"include_usage":true,"x":[1]}}""")]
    [InlineData("""{"\u0073tream":true,"metadata":{"stream_options":null}}""", """{"stream_options":"""
        + """{"include_usage":true},"\u0073tream":true,"metadata":{"stream_options":null}}""")]
    public void A_stream_is_made_to_tell_its_usage(string body, string spliced)
    {
        foreach (var size in (int[])[1, 3, 1000])
        {
            Assert.Equal(spliced, Spliced(body, size));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"stream":false}""")]
    [InlineData("""{"stream":null}""")]
    [InlineData("""{"stream":"true"}""")]
    [InlineData("""{"nested":{"stream":true}}""")]
    [InlineData("""{"stream":true,"stream":true}""")]
    [InlineData("""{"stream":true,"stream_options":null}""")]
    [InlineData("""{"stream":true,"stream_options":true}""")]
    [InlineData("""{"stream":true,"stream_options":{"include_usage":true}}""")]
    [InlineData("""{"stream":true,"stream_options":{"include_usage":false}}""")]
    [InlineData("""{"stream":true,"stream_options":{"include_usag\u0065":null}}""")]
    [InlineData("""{"stream":true,"stream_options":{},"stream_options":{}}""")]
    [InlineData("""{"stream":true""")]
    [InlineData("""{"stream":true,}""")]
    [InlineData("""{"stream":true}x""")]
    [InlineData("""{"stream":true,"\ud800":1}""")]
    public void Everything_else_stays_as_it_is(string body) => Assert.Null(Spliced(body, 1000));

    [Fact]
    public void What_comes_out_is_JSON_that_asks_for_usage_and_no_change_throws() =>
        Gen.Select(
                Gen.OneOf(
                    """{"model":"m","stream":true,"messages":[{"content":"a\"b"}]}""",
                    """{"stream_options":{"a":{"include_usage":1}},"stream":true}"""),
                Gen.Int[0, 100], Gen.OneOf("", "\"", "{", "}", ",", "\\", "x"), Gen.Int[1, 20])
            .Sample(
                static (body, at, wrong, size) =>
                {
                    var place = at % body.Length;
                    var changed = body[..place] + wrong + body[Math.Min(body.Length, place + wrong.Length)..];
                    var spliced = Spliced(changed, size) ?? """{"stream_options":{"include_usage":true}}""";
                    using var document = JsonDocument.Parse(spliced);
                    var options = document.RootElement.GetProperty("stream_options");
                    Assert.True(options.GetProperty("include_usage").GetBoolean());
                },
                iter: 3000, threads: 2);

    private static string? Spliced(string body, int size)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        return UsageSplice.For(SequenceOf(bytes, size)) is not { } splice
            ? null
            : Encoding.UTF8.GetString(
                [.. bytes[..(int)splice.Offset], .. splice.Bytes.Span, .. bytes[(int)splice.Offset..]]);
    }

    private static ReadOnlySequence<byte> SequenceOf(byte[] bytes, int size)
    {
        var first = new Segment(ReadOnlyMemory<byte>.Empty, null);
        var last = first;
        foreach (var piece in bytes.Chunk(size))
        {
            last = new Segment(piece, last);
        }

        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, Segment? before)
        {
            Memory = memory;
            if (before is not null)
            {
                before.Next = this;
                RunningIndex = before.RunningIndex + before.Memory.Length;
            }
        }
    }
}
