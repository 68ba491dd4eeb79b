using System.Globalization;
using System.Text;
using System.Text.Json;
using CsCheck;
using LlmProxy.Usage.Reading;
using Xunit;

namespace LlmProxy.Tests.Usage.Reading;

public sealed class JsonScanTests
{
    private static readonly Gen<string> Text = Gen.Frequency(
        (6, Gen.String[Gen.Char.AlphaNumeric, 0, 12]),
        (2, Gen.OneOf("", "\"", "\\", "\n\t\r\b\f", "/", "é",
            "語", "\u0001", "\U0001F600", "a\U0001F600b", "\uFFFD")),
        (1, Gen.Int[0, 300].Select(static length => new string('x', length))));

    private static readonly Gen<string> Scalar = Gen.OneOf(
        Text.Select(Quote),
        Gen.Int.Select(static number => number.ToString(CultureInfo.InvariantCulture)),
        Gen.OneOf("0", "-0", "1.5", "-12.25e+10", "1E5", "true", "false", "null",
            "123456789012345678901234567890"));

    private static readonly Gen<string> Document = Gen.Recursive<string>(static (depth, inner) => depth >= 4
        ? Scalar
        : Gen.Frequency(
            (2, Scalar),
            (2, inner.Array[0, 4].Select(static items => $"[ {string.Join(" ,\n", items)}\t]")),
            (3, Gen.Select(Text, inner, static (key, value) => $"{Quote(key)} :{value}").Array[0, 4]
                .Select(static members => $"{{ {string.Join(',', members)} }}"))));

    [Fact]
    public void It_tells_the_same_tokens_as_the_reader_of_the_framework() =>
        Gen.Select(Document, Gen.Int[1, 9]).Sample(
            static (json, size) =>
                Assert.Equal(TokensOfFramework(json), TokensOf(Encoding.UTF8.GetBytes(json + "\n"), size)),
            iter: 4000, threads: 2);

    [Fact]
    public void What_is_no_JSON_for_the_framework_is_none_here() =>
        Gen.Select(
                Document, Gen.Int[0, 1000],
                Gen.OneOf("\"", "{", "}", "[", "]", ",", ":", "x", "0", "", "\u0001"))
            .Sample(
                static (json, at, wrong) =>
                {
                    var place = at % (json.Length + 1);
                    var mutated = json[..place] + wrong + json[Math.Min(json.Length, place + 1)..];
                    var scan = new JsonScan();
                    TakeAll(scan, Encoding.UTF8.GetBytes(mutated + "\n"), 1000);
                    Assert.Equal(IsJson(mutated), scan.IsDone);
                },
                iter: 4000, threads: 2);

    [Fact]
    public void Any_bytes_in_any_pieces_are_read_without_an_exception() =>
        Gen.Select(Gen.Byte.Array[0, 200], Gen.Int[1, 20])
            .Sample(static (bytes, size) => _ = TokensOf(bytes, size), iter: 5000, threads: 2);

    [Theory]
    [InlineData("\"\\u0075sage\"", "usage")]
    [InlineData("\"\\uD83D\\uDE00\"", "\U0001F600")]
    [InlineData("\"\\uD83Dx\"", "\uFFFDx")]
    [InlineData("\"\\uD83D\\n\"", "\uFFFD\n")]
    [InlineData("\"\\uD83D\\uD83D\\uDE00\"", "\uFFFD\U0001F600")]
    [InlineData("\"\\uD83D\"", "\uFFFD")]
    [InlineData("\"\\uDE00\"", "\uFFFD")]
    [InlineData("\"\\u00e9\\u00E9\"", "éé")]
    public void Escapes_are_decoded_wherever_the_pieces_break(string json, string expected)
    {
        foreach (var size in (int[])[1, 2, 3, 100])
        {
            Assert.Equal([$"String {expected}"], TokensOf(Encoding.UTF8.GetBytes(json), size));
            Assert.Equal(expected, TextOf(Encoding.UTF8.GetBytes($"{{\"t\":{json}}}"), size));
        }
    }

    [Fact]
    public void What_is_not_taken_is_passed_over_in_full()
    {
        var scan = new JsonScan();
        var rest = "{\"a\":{\"b\":[1,{\"c\":\"}]\"}]},\"d\":\"e\",\"f\":2}"u8;

        Assert.Equal(JsonToken.StartObject, scan.Next(ref rest, out _));
        foreach (var key in (string[])["a", "d", "f"])
        {
            Assert.Equal(JsonToken.Key, scan.Next(ref rest, out var told));
            Assert.Equal(key, Encoding.UTF8.GetString(told));
        }

        Assert.Equal(JsonToken.EndObject, scan.Next(ref rest, out _));
        Assert.True(scan.IsDone);
    }

    [Fact]
    public void Keys_and_scalars_that_are_too_long_are_told_as_empty_ones()
    {
        var (key, value) = (new string('k', JsonScan.KeyBytesMax + 1), new string('v', JsonScan.ValueBytesMax + 1));

        Assert.Equal(
            ["StartObject", "Key too long", "String too long", "EndObject"],
            TokensOf(Encoding.UTF8.GetBytes($"{{\"{key}\":\"{value}\"}}"), 7));
    }

    [Theory]
    [InlineData(JsonScan.DepthMax, true)]
    [InlineData(JsonScan.DepthMax + 1, false)]
    public void Nesting_has_a_limit(int depth, bool isRead)
    {
        var scan = new JsonScan();
        TakeAll(scan, Encoding.UTF8.GetBytes(new string('[', depth) + new string(']', depth)), 10);

        Assert.Equal((isRead, !isRead), (scan.IsDone, scan.IsInvalid));
    }

    private static string Quote(string text) => $"\"{JsonEncodedText.Encode(text)}\"";

    private static bool IsJson(string json)
    {
        try
        {
            // Two members of one name are no matter of the grammar, and neither is a number that is too large.
            var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(json));
            while (reader.Read())
            {
            }

            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static List<string> TokensOfFramework(string json)
    {
        var tokens = new List<string>();
        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(json));
        while (reader.Read())
        {
            tokens.Add(reader.TokenType switch
            {
                JsonTokenType.PropertyName => Limited("Key", reader.GetString()!, JsonScan.KeyBytesMax),
                JsonTokenType.String => Limited("String", reader.GetString()!, JsonScan.ValueBytesMax),
                JsonTokenType.Number => $"Number {Encoding.UTF8.GetString(reader.ValueSpan)}",
                var other => other.ToString(),
            });
        }

        return tokens;
    }

    private static string Limited(string kind, string text, int bytesMax) =>
        Encoding.UTF8.GetByteCount(text) > bytesMax ? $"{kind} too long" : $"{kind} {text}";

    private static List<string> TokensOf(byte[] bytes, int size) => TakeAll(new JsonScan(), bytes, size);

    private static List<string> TakeAll(JsonScan scan, byte[] bytes, int size)
    {
        var tokens = new List<string>();
        foreach (var piece in bytes.Chunk(size))
        {
            ReadOnlySpan<byte> rest = piece;
            JsonToken token;
            while ((token = scan.Next(ref rest, out var value)) != JsonToken.None)
            {
                if (token == JsonToken.Key)
                {
                    scan.Take();
                }

                var text = Encoding.UTF8.GetString(value);
                tokens.Add(token switch
                {
                    JsonToken.Key or JsonToken.String or JsonToken.Number =>
                        scan.IsTooLong ? $"{token} too long" : $"{token} {text}",
                    _ => token.ToString(),
                });
            }
        }

        return tokens;
    }

    private static string TextOf(byte[] bytes, int size)
    {
        var (scan, text) = (new JsonScan(), new List<byte>());
        foreach (var piece in bytes.Chunk(size))
        {
            ReadOnlySpan<byte> rest = piece;
            JsonToken token;
            while ((token = scan.Next(ref rest, out var value)) != JsonToken.None)
            {
                scan.TakeText();
                text.AddRange(token == JsonToken.Text ? value.ToArray() : []);
            }
        }

        return Encoding.UTF8.GetString([.. text]);
    }
}
