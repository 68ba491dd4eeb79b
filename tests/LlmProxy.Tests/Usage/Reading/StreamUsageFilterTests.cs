using System.Buffers;
using System.Text;
using CsCheck;
using LlmProxy.Usage.Reading;
using Xunit;

namespace LlmProxy.Tests.Usage.Reading;

public sealed class StreamUsageFilterTests
{
    private const string Extra =
        "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":3}}\n\n";

    private const string Before =
        "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":null}\n\n"
        + "event: e\ndata: {\"choices\":[],\"prompt_filter_results\":[]}\n\n";

    [Theory]
    [InlineData("\n")]
    [InlineData("\r")]
    [InlineData("\r\n")]
    public void The_extra_event_is_taken_out_and_nothing_else(string lineEnd)
    {
        var stream = (Before + ": note\n" + Extra + "data: [DONE]\n\n")
            .Replace("\n", lineEnd, StringComparison.Ordinal);
        var expected = (Before + "data: [DONE]\n\n").Replace("\n", lineEnd, StringComparison.Ordinal);
        for (var size = 1; size < 200; size++)
        {
            Assert.Equal(expected, Filtered(stream, size));
        }
    }

    [Theory]
    [InlineData("data: {\"choices\":[],\"usage\":null}\n\n")]
    [InlineData("data: {\"choices\":[]}\n\n")]
    [InlineData("data: {\"choices\":[{}],\"usage\":{}}\n\n")]
    [InlineData("data: {\"choices\":[1],\"usage\":{}}\n\n")]
    [InlineData("data: {\"choices\":[[]],\"usage\":{}}\n\n")]
    [InlineData("data: {\"choices\":null,\"usage\":{}}\n\n")]
    [InlineData("data: {\"choices\":{},\"usage\":{}}\n\n")]
    [InlineData("data: {\"usage\":{}}\n\n")]
    [InlineData("data: {\"nested\":{\"choices\":[],\"usage\":{}}}\n\n")]
    [InlineData("data: [{\"choices\":[],\"usage\":{}}]\n\n")]
    [InlineData("data: {\"choices\":[],\"usage\":{}},\n\n")]
    [InlineData("data: {\"choices\":[],\"usage\":{}\n\n")]
    [InlineData("data: {\"choices\":[],\"usage\":{}}\n")]
    [InlineData("data: {\"choices\":[],\"usage\":{}}")]
    [InlineData("no stream at all")]
    public void What_is_no_such_event_passes(string stream)
    {
        foreach (var size in (int[])[1, 4, 1000])
        {
            Assert.Equal(stream, Filtered(stream, size));
        }
    }

    [Fact]
    public void An_event_passes_as_soon_as_it_has_ended()
    {
        using var filter = new StreamUsageFilter();
        var to = new ArrayBufferWriter<byte>();

        filter.Pass("data: {\"a\":1}\n\ndata: {"u8, to);

        Assert.Equal("data: {\"a\":1}\n\n", Encoding.UTF8.GetString(to.WrittenSpan));
    }

    [Fact]
    public void An_event_that_is_too_long_to_hold_passes()
    {
        var pad = new string('x', 2 * StreamUsageFilter.HeldBytesMax);
        var stream = $"data: {{\"choices\":[],\"pad\":\"{pad}\",\"usage\":{{}}}}\n\n";

        Assert.Equal(stream + "data: 1\n\n", Filtered(stream + Extra + "data: 1\n\n", 1000));
    }

    [Fact]
    public void Whatever_passes_is_what_came_without_the_extra_events() =>
        Gen.Select(
                Gen.OneOf(Extra, "data: {\"choices\":[{}]}\n\n", "data: [DONE]\n\n", ": ping\n\n", "data: x\n",
                        "\n", "\r\n")
                    .Array[0, 12],
                Gen.Int[1, 100])
            .Sample(
                static (events, size) => Assert.Equal(
                    Filtered(string.Concat(events), int.MaxValue), Filtered(string.Concat(events), size)),
                iter: 3000, threads: 2);

    [Fact]
    public void Random_bytes_pass_unchanged() =>
        Gen.Select(Gen.Byte.Array[0, 300], Gen.Int[1, 100]).Sample(
            static (bytes, size) =>
            {
                var text = Encoding.Latin1.GetString(bytes);
                Assert.Equal(Encoding.UTF8.GetBytes(text), Encoding.UTF8.GetBytes(Filtered(text, size)));
            },
            iter: 2000, threads: 2);

    private static string Filtered(string stream, int size)
    {
        using var filter = new StreamUsageFilter();
        var to = new ArrayBufferWriter<byte>();
        foreach (var piece in Encoding.UTF8.GetBytes(stream).Chunk(size))
        {
            filter.Pass(piece, to);
        }

        filter.Finish(to);
        return Encoding.UTF8.GetString(to.WrittenSpan);
    }
}
