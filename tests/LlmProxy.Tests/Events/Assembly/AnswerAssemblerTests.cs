using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using LlmProxy.Events.Assembly;
using Xunit;
using ZstdSharp;

namespace LlmProxy.Tests.Events.Assembly;

/// <summary>What the assembler takes, what it leaves out, and that it says so.</summary>
public sealed class AnswerAssemblerTests
{
    private const int KiB = 1024;

    [Theory]
    [InlineData("text/event-stream", null)]
    [InlineData("Text/Event-Stream ; charset=utf-8", "identity")]
    [InlineData("text/event-stream", "br")]
    public void A_stream_of_events_is_assembled(string type, string? coding)
    {
        using var assembler = AnswerAssembler.For(type, coding, KiB);

        Assert.NotNull(assembler);
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData("application/json", null)]
    [InlineData("application/x-ndjson", null)]
    [InlineData("text/event-streams", null)]
    [InlineData("text/event-stream", "aes128gcm")]
    [InlineData("text/event-stream", "gzip, br")]
    public void Nothing_else_is_nor_what_cannot_be_read(string? type, string? coding)
    {
        using var assembler = AnswerAssembler.For(type, coding, KiB);

        Assert.Null(assembler);
    }

    [Theory]
    [InlineData("")]
    [InlineData("data: [DONE]\n\n")]
    [InlineData("data: hello\n\n")]
    [InlineData("data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]}}]}\n\n")]
    [InlineData("event: thread.created\ndata: {\"id\":\"thread_1\",\"object\":\"thread\"}\n\ndata: [DONE]\n\n")]
    [InlineData("data: {\"type\":\"transcript.text.delta\",\"delta\":\"Hi\"}\n\n")]
    public void A_stream_of_no_known_api_is_nothing(string stream) => Assert.Null(Streams.Assemble(stream));

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    [InlineData("br")]
    [InlineData("zstd")]
    public void A_compressed_stream_amounts_to_the_same(string coding)
    {
        var plain = Streams.Bytes("message-tool");
        foreach (var size in (int[])[1, 7, 100, 100_000])
        {
            var answer = Streams.Assemble(Compress(plain, coding).Chunk(size), coding);

            Assert.Equal(Streams.Assemble(plain)?.Json, answer?.Json);
        }
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    [InlineData("br")]
    [InlineData("zstd")]
    public void A_compressed_stream_that_is_changed_never_throws(string coding)
    {
        var compressed = Compress(Streams.Bytes("message-tool"), coding);
        Gen.Select(Gen.Int[0, compressed.Length - 1], Gen.Byte, Gen.Int[1, 300]).Sample(
            (at, wrong, size) =>
            {
                byte[] changed = [.. compressed[..at], wrong, .. compressed[(at + 1)..]];
                Streams.Assemble(changed.Chunk(size), coding);
            },
            iter: 1000, threads: 2);
    }

    [Fact]
    public void What_is_not_compressed_as_announced_is_faulty_and_ends()
    {
        var half = Compress(Streams.Bytes("chat-text"), "zstd")[..200];

        var answer = Streams.Assemble([half, [.. Enumerable.Repeat((byte)0xAA, 5000)]], "zstd");

        Assert.True(answer is null or { IsFaulty: true, HasEnded: false });
    }

    [Fact]
    public void A_text_that_is_too_long_is_cut_and_the_answer_still_says_how_it_ended()
    {
        var stream = string.Concat(Enumerable.Repeat(Streams.Chunk("""{"content":"0123456789"}"""), 10_000))
            + Streams.Chunk("{}", "\"length\"")
            + "data: {\"choices\":[],\"usage\":{\"total_tokens\":7}}\n\ndata: [DONE]\n\n";

        var answer = Streams.Assemble(stream, bytesMax: KiB)!;
        var json = JsonNode.Parse(answer.Json)!;

        Assert.Equal((true, false, true, "length"),
            (answer.IsTruncated, answer.IsFaulty, answer.HasEnded, answer.FinishReasons.Single()));
        Assert.Equal(KiB, ((string)json["choices"]![0]!["message"]!["content"]!).Length);
        Assert.Equal("length", (string?)json["choices"]![0]!["finish_reason"]);
        Assert.Equal(7, (int)json["usage"]!["total_tokens"]!);
    }

    [Theory]
    [InlineData("\\n")]
    [InlineData("\\u00e9")]
    [InlineData("\\ud83d\\udc4d")]
    [InlineData("é")]
    [InlineData("€")]
    [InlineData("👍")]
    public void A_cut_splits_no_character(string character)
    {
        var stream = Streams.Chunk($"{{\"content\":\"{string.Concat(Enumerable.Repeat(character, 200))}\"}}");
        for (var max = 40; max < 60; max++)
        {
            var content = ContentOf(Streams.Assemble(stream, max));

            Assert.DoesNotContain('\uFFFD', content);
            Assert.Equal(max / Encoding.UTF8.GetByteCount(character) * CharsOf(character), content.Length);
        }
    }

    [Fact]
    public void A_text_that_was_cut_does_not_go_on_behind_the_gap()
    {
        var stream = Streams.Chunk("""{"content":"0123456789"}""") + Streams.Chunk("""{"content":"\ud83d\udc4d"}""")
            + Streams.Chunk("""{"content":"x"}""");

        var answer = Streams.Assemble(stream, bytesMax: 15)!;

        Assert.Equal("0123456789", ContentOf(answer));
    }

    [Fact]
    public void A_long_value_of_a_member_that_is_not_known_is_cut_to_json()
    {
        var image = $$"""{"x":{"list":[1,2,{"data":"{{new string('A', 5000)}}","after":true}],"more":[3]} }""";

        for (var max = 0; max < 200; max++)
        {
            var answer = Streams.Assemble(Streams.Chunk(image), max)!;

            Assert.True(answer.IsTruncated);
            Assert.NotNull(JsonNode.Parse(answer.Json)!["choices"]![0]!["message"]);
        }
    }

    [Fact]
    public void The_last_event_of_a_response_is_taken_whole_when_it_fits_and_else_made_up_for()
    {
        var words = string.Concat(Enumerable.Range(0, 400).Select(static number => $"word {number} "));
        var stream = ResponseOf(words);

        var fits = Streams.Assemble(stream, bytesMax: 64 * KiB)!;
        var cut = Streams.Assemble(stream, bytesMax: KiB)!;

        Assert.Equal((false, words), (fits.IsTruncated, TextOf(fits)));
        Assert.Equal((true, true, "completed"), (cut.IsTruncated, cut.HasEnded, cut.FinishReasons.Single()));
        Assert.Equal("completed", (string?)JsonNode.Parse(cut.Json)!["status"]);
        Assert.StartsWith(TextOf(cut), words, StringComparison.Ordinal);
        Assert.InRange(TextOf(cut).Length, 500, KiB);
    }

    [Fact]
    public void An_event_that_is_too_long_is_passed_over()
    {
        var stream = Streams.Chunk("""{"content":"a"}""")
            + Streams.Chunk($"{{\"content\":\"{new string('b', AnswerAssembler.EventBytesMax)}\"}}")
            + Streams.Chunk("""{"content":"c"}""") + "data: [DONE]\n\n";
        foreach (var size in (int[])[1000, 5_000_000])
        {
            var answer = Streams.Assemble(Encoding.UTF8.GetBytes(stream).Chunk(size))!;

            Assert.Equal((true, true), (answer.IsTruncated, answer.HasEnded));
            Assert.Equal("ac", ContentOf(answer));
        }
    }

    [Theory]
    [InlineData("""{"choices":[{"index":#,"delta":{"content":"x"}}]}""")]
    [InlineData("""{"choices":[{"index":0,"delta":{"tool_calls":[{"index":#,"id":"#"}]}}]}""")]
    [InlineData("""{"choices":[{"index":0,"delta":{"tool_calls":[{"id":"#","function":{"name":"x"}}]}}]}""")]
    [InlineData("""{"choices":[{"index":0,"delta":{"content":[{"type":"t#"}]}}]}""")]
    [InlineData("""{"choices":[{"index":0,"delta":{"reasoning_details":[{"type":"t#","index":#}]}}]}""")]
    [InlineData("""{"type":"response.output_item.added","output_index":#,"item":{"type":"message"}}""")]
    [InlineData("""{"type":"content_block_start","index":#,"content_block":{"type":"text","text":""}}""")]
    public void Choices_calls_blocks_items_and_members_are_bounded(string pattern)
    {
        var stream = string.Concat(Enumerable.Range(0, 3000).Select(number =>
            $"data: {pattern.Replace("#", $"{number}", StringComparison.Ordinal)}\n\n"));

        var answer = Streams.Assemble(stream)!;

        Assert.True(answer.IsTruncated || answer.IsFaulty);
        Assert.InRange(CountOf(JsonNode.Parse(answer.Json)!), 1000, 1024);
    }

    [Fact]
    public void Members_that_are_not_known_are_bounded()
    {
        var stream = string.Concat(Enumerable.Range(0, 1000).Select(static number =>
            Streams.Chunk($"{{\"m{number}\":1}}")));

        var answer = Streams.Assemble(stream)!;

        Assert.True(answer.IsTruncated);
        Assert.Equal(GrowingValue.MembersMax, CountOf(JsonNode.Parse(answer.Json)!));
    }

    [Fact]
    public void What_is_nested_too_deep_is_passed_over()
    {
        var deep = new string('[', 60) + new string(']', 60);

        var answer = Streams.Assemble(
            Streams.Chunk("""{"content":"a"}""")
                + Streams.Chunk($"{{\"x\":{deep}}}")
                + Streams.Chunk("""{"content":"b"}"""))!;

        Assert.True(answer.IsFaulty);
        Assert.Equal("ab", ContentOf(answer));
    }

    [Fact]
    public void A_stream_of_garbage_is_not_read_to_its_end()
    {
        var stream = Streams.Chunk("""{"content":"a"}""") + string.Concat(Enumerable.Repeat("data: {\n\n", 200))
            + Streams.Chunk("""{"content":"b"}""");

        var answer = Streams.Assemble(stream)!;

        Assert.Equal((true, true), (answer.IsFaulty, answer.IsTruncated));
        Assert.Equal("a", ContentOf(answer));
    }

    [Fact]
    public void A_name_that_is_escaped_is_the_same_name()
    {
        var stream = Streams.Chunk("""{"content":"a","odd \"name\"":1}""")
            + Streams.Chunk("""{"c\u006fntent":"b","odd \u0022name\"":2}""");

        var answer = Streams.Assemble(stream)!;

        Assert.Equal(
            """{"content":"ab","odd \"name\"":2}""",
            JsonNode.Parse(answer.Json)!["choices"]![0]!["message"]!.ToJsonString(
                new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }));
    }

    [Fact]
    public void Nothing_is_read_or_told_once_it_is_disposed()
    {
        var assembler = AnswerAssembler.For(Streams.EventStream, "gzip", KiB)!;
        assembler.Dispose();
        assembler.Read(Compress(Streams.Bytes("chat-text"), "gzip"));
        assembler.Dispose();

        Assert.Null(assembler.Finish());
    }

    private static int CharsOf(string character) => character switch
    {
        "\\ud83d\\udc4d" or "👍" => 2,
        _ => 1,
    };

    private static string ContentOf(AssembledAnswer? answer) =>
        (string)JsonNode.Parse(answer!.Json)!["choices"]![0]!["message"]!["content"]!;

    private static string ResponseOf(string words)
    {
        static string Event(JsonNode json) => $"data: {json.ToJsonString()}\n\n";
        static JsonObject Response(string status, JsonArray output) =>
            new() { ["id"] = "resp_1", ["object"] = "response", ["status"] = status, ["output"] = output };
        static JsonObject Item(string status, JsonArray content) =>
            new() { ["type"] = "message", ["id"] = "msg_1", ["status"] = status, ["content"] = content };

        var created = new JsonObject { ["type"] = "response.created", ["response"] = Response("in_progress", []) };
        var added = new JsonObject
        {
            ["type"] = "response.output_item.added",
            ["output_index"] = 0,
            ["item"] = Item("in_progress", []),
        };
        var deltas = words.Chunk(8).Select(static word => new JsonObject
        {
            ["type"] = "response.output_text.delta",
            ["output_index"] = 0,
            ["content_index"] = 0,
            ["delta"] = new string(word),
        });
        var last = new JsonObject
        {
            ["type"] = "response.completed",
            ["response"] = Response(
                "completed",
                [Item("completed", [new JsonObject { ["type"] = "output_text", ["text"] = words }])]),
        };
        return Event(created) + Event(added) + string.Concat(deltas.Select(Event)) + Event(last);
    }

    private static string TextOf(AssembledAnswer answer) =>
        (string)JsonNode.Parse(answer.Json)!["output"]![0]!["content"]![0]!["text"]!;

    /// <summary>The most that any object or list in it holds.</summary>
    private static int CountOf(JsonNode? json) => json switch
    {
        JsonObject many => many.Select(static one => CountOf(one.Value)).Append(many.Count).Max(),
        JsonArray many => many.Select(CountOf).Append(many.Count).Max(),
        _ => 0,
    };

    private static byte[] Compress(byte[] plain, string coding)
    {
        if (coding == "zstd")
        {
            using var compressor = new Compressor();
            return compressor.Wrap(plain).ToArray();
        }

        var compressed = new MemoryStream();
#pragma warning disable MA0045 // In memory.
        using (Stream stream = coding switch
        {
            "gzip" => new GZipStream(compressed, CompressionLevel.Optimal),
            "br" => new BrotliStream(compressed, CompressionLevel.Optimal),
            _ => new ZLibStream(compressed, CompressionLevel.Optimal),
        })
        {
            stream.Write(plain);
        }
#pragma warning restore MA0045

        return compressed.ToArray();
    }
}
