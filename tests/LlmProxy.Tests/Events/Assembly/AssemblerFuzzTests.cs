using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using LlmProxy.Events.Assembly;
using Xunit;

namespace LlmProxy.Tests.Events.Assembly;

/// <summary>
/// Whatever comes, nothing throws and what is made of it is JSON of a bounded size. So many inputs as fit an ordinary
/// run; <c>LLM_PROXY_TEST_FUZZ_INPUTS</c> and <c>LLM_PROXY_TEST_FUZZ_SEED</c> ask for more, or others.
/// </summary>
public sealed class AssemblerFuzzTests
{
    private const int InputsByDefault = 400_000;

    private static readonly byte[][] Corpus = [.. Streams.Names.Select(Streams.Bytes)];

    private static readonly byte[][] Oddities =
    [
        .. new[]
        {
            "null", "-1", "99999999999", "1e999", "[[[[[[[[", "{}", "[]", "\"\"", "\\ud800", "\\udc00", "\\u", "\\",
            "\"", ",", ":", "{", "}", "[", "]", "\n\n", "\r", "data: ", "data:[DONE]\n\n", "\0", "true",
            "\"index\":", "\"choices\":[", "\"delta\":{", "\"tool_calls\":[{", "\"type\":\"error\"", "0.5",
            "\"content\":[{\"type\":\"thinking\",\"thinking\":", "\"partial_json\":\"{\"", "\"output_index\":7",
        }.Select(Encoding.UTF8.GetBytes),
        [0xFF], [0xC3], [0xED, 0xA0, 0x80], [0xEF, 0xBB, 0xBF],
    ];

    private static readonly byte[][] Names =
    [
        .. new[]
        {
            "choices", "delta", "message", "index", "content", "tool_calls", "function", "arguments", "id", "type",
            "text", "object", "error", "logprobs", "refusal", "output_index", "content_index", "item", "part",
            "response", "output", "usage", "content_block", "partial_json", "thinking",
            "reasoning_details", "audio", "data",
            "input", "summary", "summary_index", "annotation", "citation", "status",
            "incomplete_details", "name", "created",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    private static readonly byte[][] Words =
    [
        .. new[]
        {
            "chat.completion.chunk", "text_completion", "error", "text", "thinking", "message_start",
            "content_block_start", "content_block_delta", "message_delta", "response.created", "response.completed",
            "response.output_item.added", "response.output_item.done", "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.added", "response.reasoning_summary_text.delta",
            "response.output_text.annotation.added",
            "response.function_call_arguments.delta", "response.custom_tool_call_input.done", "a", "", "\\ud83d", "=",
            "AA==", "{}", "{\\\"a\\\":", "\\\\", "é",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    private static readonly byte[][] Beginnings =
    [
        "\"choices\":[{\"index\":0,\"delta\":{}}],\"object\":\""u8.ToArray(),
        "\"choices\":[{\"index\":0,\"text\":\"a\"}],\"object\":\""u8.ToArray(),
        "\"type\":\"response."u8.ToArray(),
        "\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"x\":\""u8.ToArray(),
        "\"type\":\"message_"u8.ToArray(),
        "\"type\":\"content_block_start\",\"index\":0,\"x\":\""u8.ToArray(),
        "\"type\":\"content_block_delta\",\"index\":0,\"x\":\""u8.ToArray(),
        "\"type\":\""u8.ToArray(),
    ];

    private static int Inputs => Asked("LLM_PROXY_TEST_FUZZ_INPUTS", InputsByDefault);

    private static int Seed => Asked("LLM_PROXY_TEST_FUZZ_SEED", 1);

    [Fact]
    public void A_changed_stream_never_throws_and_amounts_to_json()
    {
        var dice = new Dice(Seed);
        var (inputs, answers) = (Inputs * 9 / 10, 0);
        for (var round = 0; round < inputs; round++)
        {
            answers += Check(Changed(ref dice), ref dice);
        }

        Assert.InRange(answers, inputs / 2, inputs);
    }

    [Fact]
    public void A_made_up_stream_never_throws_and_amounts_to_json()
    {
        var dice = new Dice(Seed + 1000);
        var input = new ArrayBufferWriter<byte>(64 * 1024);
        var (inputs, answers) = (Inputs / 10, 0);
        for (var round = 0; round < inputs; round++)
        {
            input.Clear();
            var beginning = Beginnings[dice.Next(Beginnings.Length)];
            for (var events = dice.Next(6); events >= 0; events--)
            {
                input.Write("data: {"u8);
                input.Write(beginning);
                input.Write(dice.Next(2) == 0 ? Words[dice.Next(Words.Length)] : default);
                input.Write("\""u8);
                for (var members = dice.Next(6); members > 0; members--)
                {
                    input.Write(",\""u8);
                    input.Write(Names[dice.Next(Names.Length)]);
                    input.Write("\":"u8);
                    Invent(ref dice, input, depth: 1);
                }

                input.Write("}\n\n"u8);
            }

            answers += Check(input.WrittenSpan, ref dice);
        }

        Assert.InRange(answers, inputs / 2, inputs);
    }

    /// <summary>A part of one stream, or of two, with some bytes out of place.</summary>
    private static byte[] Changed(ref Dice dice)
    {
        byte[] bytes = [.. Part(ref dice), .. dice.Next(4) == 0 ? Part(ref dice) : default];
        for (var changes = dice.Next(4); changes > 0; changes--)
        {
            var (one, other) = (dice.Next(bytes.Length + 1), dice.Next(bytes.Length + 1));
            var (from, to) = (Math.Min(one, other), Math.Max(one, other));
            bytes = dice.Next(5) switch
            {
                0 => bytes[..to],
                1 => [.. bytes[..from], .. bytes[to..]],
                2 => [.. bytes[..from], (byte)dice.Next(256), .. bytes[from..]],
                _ => [.. bytes[..from], .. Oddities[dice.Next(Oddities.Length)], .. bytes[Math.Min(from + 8, to)..]],
            };
        }

        return bytes;
    }

    /// <summary>Some events of one stream, mostly from its beginning.</summary>
    private static ReadOnlySpan<byte> Part(ref Dice dice)
    {
        ReadOnlySpan<byte> stream = Corpus[dice.Next(Corpus.Length)];
        var from = dice.Next(3) == 0 ? dice.Next(stream.Length) : 0;
        var start = stream[from..].IndexOf("\n\n"u8);
        stream = from == 0 || start < 0 ? stream : stream[(from + start + 2)..];
        return stream[..Math.Min(stream.Length, 200 + dice.Next(1500))];
    }

    /// <summary>A value with the names and words of the APIs at any place.</summary>
    private static void Invent(ref Dice dice, ArrayBufferWriter<byte> input, int depth)
    {
        var kind = depth > 5 ? 4 + dice.Next(4) : dice.Next(8);
        switch (kind)
        {
            case 0 or 1 or 2:
                input.Write("{"u8);
                for (var members = dice.Next(6); members > 0; members--)
                {
                    input.Write("\""u8);
                    input.Write(Names[dice.Next(Names.Length)]);
                    input.Write("\":"u8);
                    Invent(ref dice, input, depth + 1);
                    input.Write(members > 1 ? ","u8 : default);
                }

                input.Write("}"u8);
                break;
            case 3:
                input.Write("["u8);
                for (var elements = dice.Next(4); elements > 0; elements--)
                {
                    Invent(ref dice, input, depth + 1);
                    input.Write(elements > 1 ? ","u8 : default);
                }

                input.Write("]"u8);
                break;
            case 4 or 5 or 6:
                input.Write("\""u8);
                input.Write(Words[dice.Next(Words.Length)]);
                input.Write("\""u8);
                break;
            default:
                input.Write(dice.Next(4) == 0 ? "null"u8 : dice.Next(2) == 0 ? "0"u8 : "1"u8);
                break;
        }
    }

    /// <summary>1 when it amounts to something, else 0.</summary>
    private static int Check(ReadOnlySpan<byte> input, ref Dice dice)
    {
        var bytesMax = dice.Next(4) == 0 ? dice.Next(300) : 64 * 1024;
        using var assembler = AnswerAssembler.For(Streams.EventStream, contentEncoding: null, bytesMax)!;
        while (!input.IsEmpty)
        {
            var length = dice.Next(3) == 0 ? Math.Min(input.Length, 1 + dice.Next(500)) : input.Length;
            assembler.Read(input[..length]);
            input = input[length..];
        }

        if (assembler.Finish() is not { } answer)
        {
            return 0;
        }

        CheckJson(answer.Json);

        // A member or an element that is charged with 64 bytes takes some bytes of punctuation beside its own.
        Assert.InRange(answer.Json.Length, 2, bytesMax + ByteBudget.ReserveBytes + 64);
        return 1;
    }

    private static void CheckJson(byte[] json)
    {
        Assert.True(Utf8.IsValid(json));
        var scratch = ArrayPool<byte>.Shared.Rent(json.Length);
        var reader = new Utf8JsonReader(json);
        while (reader.Read())
        {
            if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName && reader.ValueIsEscaped)
            {
                // Throws at halves of surrogate pairs.
                reader.CopyString(scratch);
            }
        }

        ArrayPool<byte>.Shared.Return(scratch);
    }

    private static int Asked(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out var asked)
            ? asked
            : otherwise;

    /// <summary>SplitMix64: https://prng.di.unimi.it/splitmix64.c</summary>
    private struct Dice(int seed)
    {
        private ulong _state = (ulong)seed;

        /// <summary>From 0 to below <paramref name="below"/>.</summary>
        public int Next(int below)
        {
            _state += 0x9E3779B97F4A7C15;
            var mixed = (_state ^ (_state >> 30)) * 0xBF58476D1CE4E5B9;
            mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
            return (int)((mixed ^ (mixed >> 31)) % (ulong)Math.Max(1, below));
        }
    }
}
