using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using CsCheck;
using LlmProxy.Events.Assembly;
using Xunit;

namespace LlmProxy.Tests.Events.Assembly;

/// <summary>Streams of every API and vendor, each beside the answer that it amounts to.</summary>
public sealed class CorpusTests
{
    public static TheoryData<string> Names => [.. Streams.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_stream_amounts_to_the_answer_without_streaming(string name)
    {
        var answer = Streams.Assemble(Streams.Bytes(name));

        Assert.NotNull(answer);
        AssertSame(Streams.Answer(name), answer.Json);
        Assert.False(answer.IsTruncated);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_stream_byte_by_byte_amounts_to_the_same(string name)
    {
        var stream = Streams.Bytes(name);
        var whole = Streams.Assemble(stream);

        var bytewise = Streams.Assemble(stream.Select(static one => new[] { one }));

        AssertEqual(whole, bytewise);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_stream_that_is_cut_in_two_amounts_to_the_same(string name)
    {
        var stream = Streams.Bytes(name);
        var whole = Streams.Assemble(stream);
        for (var cut = 1; cut < stream.Length; cut += 7)
        {
            AssertEqual(whole, Streams.Assemble([stream[..cut], stream[cut..]]));
        }
    }

    [Fact]
    public void A_stream_in_pieces_of_any_size_amounts_to_the_same() =>
        Gen.Select(Gen.OneOf([.. Streams.Names]), Gen.Int[1, 400].Array[1, 40]).Sample(
            (name, sizes) =>
            {
                var stream = Streams.Bytes(name);
                AssertEqual(Streams.Assemble(stream), Streams.Assemble(Pieces(stream, sizes)));
            },
            iter: 1000, threads: 2);

    [Fact]
    public async Task The_corpus_is_large_and_every_stream_has_its_source()
    {
        var sources = await Streams.ReadMeAsync();

        Assert.InRange(Streams.Names.Count, 60, 1000);
        Assert.All(Streams.Names, name => Assert.Contains($"| `{name}` |", sources, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("chat-tool-call", "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT", "tool_calls", true)]
    [InlineData("chat-choices-out-of-order", "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT", "stop,stop,length", true)]
    [InlineData("chat-without-done", "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT", "stop", false)]
    [InlineData("chat-cut", "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT", "", false)]
    [InlineData("azure-prompt-filter", "chatcmpl-AZ1", "stop", true)]
    [InlineData("completion-choices", "cmpl-7iA7iJjj8V2zOkCGvWF2hAkWZBLQe", "stop,length", true)]
    [InlineData("response-text", "resp_67c9fdcecf488190", "completed", true)]
    [InlineData("response-incomplete", "resp_67c9fdcecf488190", "max_output_tokens", true)]
    [InlineData("response-cut", "resp_67c9fdcecf488190", "", false)]
    [InlineData("message-stop-sequence", "msg_1nZdL29xx5MUA1yADyHTEsnR8uuvGzszyS", "stop_sequence", true)]
    [InlineData("message-cut", "msg_1nZdL29xx5MUA1yADyHTEsnR8uuvGzszyS", "", false)]
    public void An_answer_says_who_it_is_and_how_it_ended(string name, string id, string reasons, bool hasEnded)
    {
        var answer = Streams.Assemble(Streams.Bytes(name));

        Assert.Equal(
            (id, reasons, hasEnded, false),
            (answer?.Id, string.Join(',', answer?.FinishReasons ?? []), answer?.HasEnded, answer?.HasError));
    }

    [Theory]
    [InlineData("chat-error-in-the-middle")]
    [InlineData("chat-error-first")]
    [InlineData("openrouter-error")]
    [InlineData("vllm-error")]
    [InlineData("vllm-error-first")]
    [InlineData("completion-error")]
    [InlineData("response-failed")]
    [InlineData("response-error")]
    [InlineData("response-nested-error")]
    [InlineData("message-error")]
    [InlineData("message-error-first")]
    public void A_stream_that_tells_of_an_error_has_ended_with_it(string name)
    {
        var answer = Streams.Assemble(Streams.Bytes(name));

        Assert.Equal((true, true), (answer?.HasError, answer?.HasEnded));
    }

    [Fact]
    public void Only_what_is_broken_is_called_faulty()
    {
        var faulty = Streams.Names.Where(static name => Streams.Assemble(Streams.Bytes(name))!.IsFaulty);

        Assert.Equal(["broken-event", "broken-types"], faulty, StringComparer.Ordinal);
    }

    private static IEnumerable<byte[]> Pieces(byte[] stream, int[] sizes)
    {
        for (var (at, turn) = (0, 0); at < stream.Length; turn++)
        {
            var end = Math.Min(stream.Length, at + sizes[turn % sizes.Length]);
            yield return stream[at..end];
            at = end;
        }
    }

    private static void AssertSame(string expected, byte[] json)
    {
        // No answer has a member twice.
        using var document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });

        Assert.True(
            JsonNode.DeepEquals(JsonNode.Parse(expected), JsonNode.Parse(json)),
            $"Expected\n{expected}\nbut it is\n{Encoding.UTF8.GetString(json)}");
    }

    private static void AssertEqual(AssembledAnswer? expected, AssembledAnswer? actual)
    {
        Assert.Equal(expected?.Json, actual?.Json);
        Assert.Equal(
            (expected?.HasEnded, expected?.HasError, expected?.IsTruncated, expected?.IsFaulty),
            (actual?.HasEnded, actual?.HasError, actual?.IsTruncated, actual?.IsFaulty));
    }
}
