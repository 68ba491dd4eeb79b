using System.Diagnostics;
using System.Text;
using System.Text.Json;
using CsCheck;
using LlmProxy.Usage.Counting;
using SharpToken;
using Xunit;
using TiktokenTokenizer = Microsoft.ML.Tokenizers.TiktokenTokenizer;

namespace LlmProxy.Tests.Usage.Counting;

public sealed class TokenizerTests
{
    private static readonly HashSet<string> NoSpecials = new(StringComparer.Ordinal);
    private static readonly GptEncoding O200k = GptEncoding.GetEncoding("o200k_base");
    private static readonly GptEncoding Cl100k = GptEncoding.GetEncoding("cl100k_base");

    [Fact]
    public async Task Every_prompt_of_the_corpus_counts_as_another_tokenizer_counts_it()
    {
        var prompts = await Prompts.ReadAsync();

        Assert.True(prompts.Count >= 200);
        Assert.Equal(
            prompts.Select(static prompt => (prompt, Reference(O200k, prompt), Reference(Cl100k, prompt))),
            Counted(prompts));
    }

    [Fact]
    public async Task And_as_the_vendor_of_the_vocabulary_counts_it()
    {
        // It reads the name of a special token as that token, which it is not in what a client says.
        var prompts = (await Prompts.ReadAsync())
            .FindAll(static prompt => !prompt.Contains("<|", StringComparison.Ordinal));
        var (o200k, cl100k) = (Vendor("o200k_base"), Vendor("cl100k_base"));

        Assert.True(prompts.Count >= 200);
        Assert.Equal(
            prompts.Select(prompt => (prompt, o200k.CountTokens(prompt), cl100k.CountTokens(prompt))),
            Counted(prompts));
    }

    [Fact]
    public async Task So_does_every_mixture_of_them()
    {
        var prompts = await Prompts.ReadAsync();

        Gen.Select(Gen.Int[0, prompts.Count - 1], Gen.Int[0, prompts.Count - 1], Gen.Int[0, 60]).Sample(
            (first, second, cut) =>
            {
                var text = prompts[first] + prompts[second];
                text = WithoutHalves(text[Math.Min(cut, text.Length)..]);

                return Tokenizers.O200k.Count(text) == Reference(O200k, text)
                    && Tokenizers.Cl100k.Count(text) == Reference(Cl100k, text);
            },
            iter: 1000);
    }

    [Fact]
    public void Any_text_has_at_most_as_many_tokens_as_bytes() =>
        Gen.String.Sample(static text =>
            Tokenizers.O200k.Count(text) <= Encoding.UTF8.GetByteCount(text)
            && Tokenizers.Cl100k.Count(text) <= Encoding.UTF8.GetByteCount(text));

    [Fact]
    public void Merging_long_pieces_by_heap_is_merging_them_one_by_one() =>
        Gen.Select(Gen.OneOf(Gen.Const("ab"), Gen.Const("a水é"), Gen.Const("abcdefghijklmnopqrstuvwxyz")),
                Gen.Int[97, 600], Gen.Int)
            .Sample(
                static (letters, length, seed) =>
                {
                    var text = string.Create(length, (letters, seed), static (span, from) =>
                    {
                        var state = (uint)from.seed;
                        foreach (ref var letter in span)
                        {
                            state = (state * 1664525) + 1013904223;
                            letter = from.letters[(int)((state >> 16) % from.letters.Length)];
                        }
                    });

                    return Tokenizers.O200k.Count(text) == Reference(O200k, text)
                        && Tokenizers.Cl100k.Count(text) == Reference(Cl100k, text);
                },
                iter: 200);

    [Theory]
    [InlineData("a")]
    [InlineData("A")]
    [InlineData(" ")]
    [InlineData("\n")]
    [InlineData("\n ")]
    [InlineData("!")]
    [InlineData("/")]
    [InlineData("0")]
    [InlineData("'s")]
    [InlineData("Aa")]
    [InlineData("水")]
    [InlineData("\u0301")]
    [InlineData("😀")]
    [InlineData("\0")]
    [InlineData("qzjxkv")]
    public void A_megabyte_of_the_same_takes_bounded_time(string part)
    {
        var text = new StringBuilder().Insert(0, part, 1_000_000 / part.Length).Append('x').ToString();
        var watch = Stopwatch.StartNew();

        var tokens = Tokenizers.O200k.Count(text);

        Assert.InRange(tokens, 1, Encoding.UTF8.GetByteCount(text));
        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(10));
    }

    [Fact]
    public void A_long_run_is_counted_exactly_and_a_longer_one_by_bytes()
    {
        const int most = Tokenizer.PieceBytesMax;

        Assert.Equal(most / 8, Tokenizers.O200k.Count(new string('a', most)));
        Assert.Equal(most + 1, Tokenizers.O200k.Count(new string('a', most + 1)));
    }

    [Theory]
    [InlineData("gpt-4o", false, true)]
    [InlineData("gpt-4o-mini-2024-07-18", false, true)]
    [InlineData("GPT-4.1-nano", false, true)]
    [InlineData("gpt-5.2-codex", false, true)]
    [InlineData("o1-pro", false, true)]
    [InlineData("o4-mini", false, true)]
    [InlineData("chatgpt-4o-latest", false, true)]
    [InlineData("gpt-realtime-mini", false, true)]
    [InlineData("ft:gpt-4o-mini:org::id", false, true)]
    [InlineData("openai/gpt-4o", false, true)]
    [InlineData("gpt-4", true, true)]
    [InlineData("gpt-4-turbo-2024-04-09", true, true)]
    [InlineData("gpt-3.5-turbo", true, true)]
    [InlineData("ft:gpt-3.5-turbo:x", true, true)]
    [InlineData("text-embedding-3-large", true, true)]
    [InlineData("text-embedding-ada-002", true, true)]
    [InlineData("llama-4", false, false)]
    [InlineData("", false, false)]
    [InlineData(null, false, false)]
    public void A_model_has_its_encoding(string? model, bool isOld, bool isKnown)
    {
        Assert.Same(isOld ? Tokenizers.Cl100k : Tokenizers.O200k, Tokenizers.Of(model));
        Assert.Equal(isKnown, Tokenizers.Knows(model));
    }

    [Fact]
    public void The_data_is_built_in_and_complete() =>
        Assert.Equal(
            [199_998, 100_256],
            new[] { ("O200kBase", "o200k_base"), ("Cl100kBase", "cl100k_base") }.Select(static one =>
                TokenTable.Load("Microsoft.ML.Tokenizers.Data." + one.Item1, one.Item2 + ".tiktoken.deflate")!.Count));

    [Theory]
    [InlineData("No.Such.Package", "x")]
    [InlineData("Microsoft.ML.Tokenizers.Data.O200kBase", "x")]
    public void Without_the_data_there_is_no_table(string package, string resource) =>
        Assert.Null(TokenTable.Load(package, resource));

    [Theory]
    [InlineData("gpt-4o", "Hello, world!", 4)]
    [InlineData("gpt-4", "お誕生日おめでとう", 9)]
    [InlineData("claude-sonnet-4-5", "Hello, world!", 6)]
    [InlineData("claude-sonnet-4-5", "!", 1)]
    public void Delivered_text_is_counted(string model, string text, int expected) =>
        Assert.Equal(expected, CompletionCounter.Count(model, Encoding.UTF8.GetBytes(text)));

    [Fact]
    public void Delivered_bytes_may_be_anything() =>
        Gen.Byte.Array.Sample(static bytes => CompletionCounter.Count("gpt-4o", bytes) <= 3 * bytes.Length);

    private static int Reference(GptEncoding encoding, string text) =>
        encoding.Encode(text, NoSpecials, NoSpecials).Count;

    private static IEnumerable<(string Prompt, int O200k, int Cl100k)> Counted(IEnumerable<string> prompts) =>
        prompts.Select(static prompt =>
            (prompt, (int)Tokenizers.O200k.Count(prompt), (int)Tokenizers.Cl100k.Count(prompt)));

    private static TiktokenTokenizer Vendor(string encoding) => TiktokenTokenizer.CreateForEncoding(encoding);

    private static string WithoutHalves(string text) =>
        text.Length > 0 && char.IsLowSurrogate(text[0]) ? text[1..] : text;
}

/// <summary>The corpus: one JSON string a line.</summary>
internal static class Prompts
{
    public static async Task<List<string>> ReadAsync() =>
    [
        .. (await Repository.ReadAsync("tests/LlmProxy.Tests/Usage/Counting/prompts.txt"))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(static line =>
            {
                using var document = JsonDocument.Parse(line);
                return document.RootElement.GetString()!;
            }),
    ];
}
