using System.IO.Compression;
using System.Text;
using CsCheck;
using LlmProxy.Http;
using LlmProxy.Tests.Usage.Reading;
using LlmProxy.Usage;
using Xunit;

namespace LlmProxy.Tests.Http;

/// <summary>Compressed answers, inflated while they pass.</summary>
public sealed class InflationTests
{
    private static readonly byte[] Plain = Encoding.UTF8.GetBytes(Answers.ChatStream);

    public static TheoryData<string> Codings => ["gzip", "X-GZIP", "deflate", "bare", "br", "zstd"];

    [Theory]
    [MemberData(nameof(Codings))]
    public void A_compressed_answer_tells_what_it_tells_plain(string coding)
    {
        var compressed = Compress(Plain, coding);
        foreach (var size in (int[])[1, 7, 100, int.MaxValue])
        {
            Assert.Equal(
                Answers.FactsOf(Answers.ChatStream, Answers.EventStream),
                Answers.FactsOf(compressed, Answers.EventStream, NameOf(coding), size));
        }
    }

    [Theory]
    [MemberData(nameof(Codings))]
    public void One_that_is_cut_anywhere_is_truncated(string coding)
    {
        var compressed = Compress(Plain, coding);
        for (var length = 1; length < compressed.Length; length++)
        {
            var facts = Answers.FactsOf(compressed[..length], Answers.EventStream, NameOf(coding));

            Assert.Equal((length, UsageFaults.Truncated), (length, facts.Faults));
        }
    }

    [Theory]
    [MemberData(nameof(Codings))]
    public void Bytes_that_are_changed_or_random_never_throw(string coding)
    {
        var compressed = Compress(Plain, coding);
        Gen.Select(Gen.Int[0, compressed.Length - 1], Gen.Byte, Gen.Int[1, 300]).Sample(
            (at, wrong, size) =>
            {
                byte[] changed = [.. compressed[..at], wrong, .. compressed[(at + 1)..]];
                Answers.FactsOf(changed, Answers.EventStream, NameOf(coding), size);
            },
            iter: 1000, threads: 2);
        Gen.Select(Gen.Byte.Array[0, 300], Gen.Int[1, 300]).Sample(
            (bytes, size) => { Answers.FactsOf(bytes, Answers.EventStream, NameOf(coding), size); },
            iter: 1000, threads: 2);
    }

    [Fact]
    public void What_is_not_compressed_as_announced_is_unreadable()
    {
        Assert.Equal(UsageFaults.Unreadable, Answers.FactsOf(Plain, Answers.EventStream, "gzip").Faults);
        Assert.Equal(UsageFaults.Unreadable, Answers.FactsOf(Plain, Answers.EventStream, "br").Faults);
    }

    [Theory]
    [InlineData("compress")]
    [InlineData("gzip, br")]
    [InlineData("aes128gcm")]
    public void A_coding_that_we_do_not_know_is_unreadable(string coding)
    {
        var facts = Answers.FactsOf(Plain, Answers.EventStream, coding);

        Assert.Equal((UsageSource.Unknown, UsageFaults.Unreadable), (facts.Usage.Source, facts.Faults));
    }

    [Fact]
    public void An_answer_without_content_is_complete() =>
        Assert.Equal(UsageFaults.None, Answers.FactsOf([], Answers.Json, "gzip").Faults);

    [Theory]
    [MemberData(nameof(Codings))]
    public void A_bomb_is_no_longer_inflated(string coding)
    {
        var bomb = Compress(new byte[64 * 1024 * 1024], coding);
        using var inflation = new Inflation(coding switch
        {
            "br" => ContentCoding.Brotli,
            "zstd" => ContentCoding.Zstandard,
            "deflate" or "bare" => ContentCoding.Deflate,
            _ => ContentCoding.Gzip,
        });
        var inflated = 0L;
        foreach (var slice in bomb.Chunk(Inflation.FeedBytesMax))
        {
            inflation.Feed(slice);
            for (var block = inflation.Next(); !block.IsEmpty; block = inflation.Next())
            {
                inflated += block.Length;
            }
        }

        Assert.True(inflation.IsBroken);
        Assert.InRange(inflated, 0, 1024 * 1024);
        Assert.Equal(UsageFaults.Unreadable, Answers.FactsOf(bomb, Answers.EventStream, NameOf(coding)).Faults);
    }

    [Fact]
    public void Several_frames_are_one_answer_even_when_most_of_them_are_empty()
    {
        var (half, empty) = (Plain.Length / 2, Compress([], "zstd"));
        byte[] frames =
        [
            .. Compress(Plain[..half], "zstd"),
            .. Enumerable.Repeat(empty, 1000).SelectMany(static frame => frame),
            .. Compress(Plain[half..], "zstd"),
        ];

        Assert.Equal(
            Answers.FactsOf(Answers.ChatStream, Answers.EventStream),
            Answers.FactsOf(frames, Answers.EventStream, "zstd"));
    }

    [Fact]
    public void A_long_answer_that_shrinks_well_is_no_bomb()
    {
        var answer = new StringBuilder();
        for (var chunk = 0; chunk < 20_000; chunk++)
        {
            answer.Append("data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"w")
                .Append(chunk)
                .Append("\"}}]}\n\n");
        }

        answer.Append("data: {\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":20000}}\n\ndata: [DONE]\n\n");
        var compressed = Compress(Encoding.UTF8.GetBytes(answer.ToString()), "gzip");
        var facts = Answers.FactsOf(compressed, Answers.EventStream, "gzip");

        Assert.Equal((20_000, UsageFaults.None), (facts.Usage.Completion, facts.Faults));
    }

    private static string NameOf(string coding) => coding == "bare" ? "deflate" : coding;

    private static byte[] Compress(byte[] plain, string coding)
    {
        using var compressed = new MemoryStream();
#pragma warning disable MA0045 // A stream in memory waits for nothing.
        using (Stream stream = coding switch
        {
            "zstd" => new ZstdSharp.CompressionStream(compressed, leaveOpen: true),
            "br" => new BrotliStream(compressed, CompressionLevel.Fastest, leaveOpen: true),
            "deflate" => new ZLibStream(compressed, CompressionLevel.Optimal, leaveOpen: true),
            "bare" => new DeflateStream(compressed, CompressionLevel.Optimal, leaveOpen: true),
            _ => new GZipStream(compressed, CompressionLevel.Optimal, leaveOpen: true),
        })
        {
            stream.Write(plain);
        }
#pragma warning restore MA0045

        return compressed.ToArray();
    }
}
