using System.Text;
using CsCheck;
using LlmProxy.Usage.Reading;
using Xunit;

namespace LlmProxy.Tests.Usage.Reading;

/// <summary>What holds for every answer: the pieces do not matter, nothing throws, nothing is allocated.</summary>
public sealed class ReadingPropertyTests
{
    private static readonly (string Type, string Answer)[] Real =
    [
        (Answers.Json, Answers.Chat),
        (Answers.EventStream, Answers.ChatStream),
        (Answers.EventStream, Answers.ChatStream.Replace("\n", "\r\n", StringComparison.Ordinal)),
        (Answers.EventStream, Answers.ResponsesStream),
        (Answers.EventStream, Answers.AnthropicStream),
        ("application/x-ndjson", Answers.ChatStream.Replace("data: ", "", StringComparison.Ordinal)),
    ];

    [Fact]
    public void Any_two_cuts_of_an_answer_make_no_difference()
    {
        foreach (var (type, answer) in Real)
        {
            var bytes = Encoding.UTF8.GetBytes(answer);
            var (facts, texts) = ReadAll(type, [bytes]);
            for (var cut = 0; cut <= bytes.Length; cut++)
            {
                var (cutFacts, cutTexts) = ReadAll(type, [bytes[..cut], bytes[cut..]]);
                Assert.Equal(facts, cutFacts);
                Assert.Equal(texts, cutTexts);
            }
        }
    }

    [Fact]
    public void A_changed_answer_in_any_pieces_tells_the_same_as_in_one() =>
        Gen.Select(
                Gen.OneOf(Real),
                Gen.Select(Gen.Int[0, 2000], Gen.OneOf("\"", "\\", "{", "}", "[", "]", ",", "\n", "\r", "-", "\0"))
                    .Array[0, 3],
                Gen.Int[1, 40].Array[1, 20])
            .Sample(
                static (real, changes, sizes) =>
                {
                    var answer = real.Answer;
                    foreach (var (at, wrong) in changes)
                    {
                        var place = at % answer.Length;
                        answer = answer[..place] + wrong + answer[(place + 1)..];
                    }

                    var bytes = Encoding.UTF8.GetBytes(answer);
                    var (facts, texts) = ReadAll(real.Type, [bytes]);
                    var (cutFacts, cutTexts) = ReadAll(real.Type, Cut(bytes, sizes));
                    Assert.Equal(facts, cutFacts);
                    Assert.Equal(texts, cutTexts);
                },
                iter: 4000, threads: 2);

    [Fact]
    public void Random_bytes_never_throw() =>
        Gen.Select(Gen.OneOf(Real), Gen.Byte.Array[0, 500], Gen.Int[1, 40].Array[1, 20])
            .Sample(
                static (real, bytes, sizes) => { ReadAll(real.Type, Cut(bytes, sizes)); }, iter: 2000, threads: 2);

    [Theory]
    [InlineData(1)]
    [InlineData(100)]
    [InlineData(4096)]
    public void No_chunk_of_a_stream_allocates(int size)
    {
        var end = Answers.ChatStream.IndexOf("data: [DONE]", StringComparison.Ordinal);
        var chunk = Encoding.UTF8.GetBytes(Answers.ChatStream[..end]);
        var pieces = chunk.Chunk(size).ToList();

        // Buffers of the text come from the pool, which others may have emptied: not each time of a hundred.
        Assert.InRange(Enumerable.Range(0, 100).Min(_ => BytesAllocatedFor(pieces)), 0, 1000);
    }

    private static long BytesAllocatedFor(List<byte[]> pieces)
    {
        using var reader = AnswerReader.For(Answers.EventStream, null)!;
        foreach (var piece in pieces)
        {
            reader.Read(piece);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var round = 0; round < 2000; round++)
        {
            foreach (var piece in pieces)
            {
                reader.Read(piece);
            }
        }

        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static (AnswerFacts Facts, string Texts) ReadAll(string type, IEnumerable<byte[]> pieces)
    {
        using var reader = AnswerReader.For(type, null)!;
        foreach (var piece in pieces)
        {
            reader.Read(piece);
        }

        return (reader.Finish(isComplete: true), string.Join('|', Answers.TextsOf(reader)));
    }

    private static IEnumerable<byte[]> Cut(byte[] bytes, int[] sizes)
    {
        var at = 0;
        for (var index = 0; at < bytes.Length; index++)
        {
            var end = Math.Min(bytes.Length, at + sizes[index % sizes.Length]);
            yield return bytes[at..end];
            at = end;
        }
    }
}
