using System.Text.RegularExpressions;

namespace LlmProxy.Usage.Counting;

/// <summary>
/// The two encodings of OpenAI's models, each loaded when it is first used, from data that is built in. For the thread
/// pool, never for a thread that serves connections.
/// </summary>
internal static partial class Tokenizers
{
    private const string Data = "Microsoft.ML.Tokenizers.Data.";

    // Source: tiktoken, model.py. The longest prefix that fits counts, so that gpt-4o is no gpt-4.
    private static readonly (string Prefix, bool IsOld)[] Models =
    [
        ("chatgpt-4o", false),
        ("computer-use", false),
        ("codex", false),
        ("gpt-3.5", true),
        ("gpt-35", true),
        ("gpt-4", true),
        ("gpt-4o", false),
        ("gpt-4.1", false),
        ("gpt-4.5", false),
        ("gpt-5", false),
        ("gpt-oss", false),
        ("gpt-realtime", false),
        ("gpt-audio", false),
        ("gpt-image", false),
        ("o1", false),
        ("o3", false),
        ("o4", false),
        ("babbage-002", true),
        ("davinci-002", true),
        ("text-embedding-3", true),
        ("text-embedding-ada", true),
    ];

    public static Tokenizer O200k { get; } = new(Data + "O200kBase", "o200k_base.tiktoken.deflate", O200kPieces());

    public static Tokenizer Cl100k { get; } = new(Data + "Cl100kBase", "cl100k_base.tiktoken.deflate", Cl100kPieces());

    /// <summary>The newer encoding for a model that is not known.</summary>
    public static Tokenizer Of(string? model) => Find(model) is true ? Cl100k : O200k;

    /// <summary>Whether the model's own tokenizer is published.</summary>
    public static bool Knows(string? model) => Find(model) is not null;

    /// <summary>Aggregators write <c>openai/gpt-4o</c>, and tuned models are called <c>ft:gpt-4o:…</c>.</summary>
    public static ReadOnlySpan<char> Family(string? model)
    {
        var name = model.AsSpan();
        name = name.StartsWith("ft:", StringComparison.Ordinal) ? name[3..] : name;
        return name[(name.LastIndexOf('/') + 1)..];
    }

    private static bool? Find(string? model)
    {
        var family = Family(model);
        var (length, isOld) = (0, (bool?)null);
        foreach (var known in Models)
        {
            if (known.Prefix.Length > length && family.StartsWith(known.Prefix, StringComparison.OrdinalIgnoreCase))
            {
                (length, isOld) = (known.Prefix.Length, known.IsOld);
            }
        }

        return isOld;
    }

    // Source: tiktoken, openai_public.py. Every alternative eats what it has looked through, or another one does, so
    // that time grows with the text only; the tests measure it.
#pragma warning disable MA0009
    [GeneratedRegex(
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        + @"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        + @"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        RegexOptions.CultureInvariant)]
    private static partial Regex O200kPieces();

    [GeneratedRegex(
        @"'(?i:[sdmt]|ll|ve|re)|(?>[^\r\n\p{L}\p{N}]?)(?>\p{L}+)|\p{N}{1,3}| ?(?>[^\s\p{L}\p{N}]+)[\r\n]*"
        + @"|\s*[\r\n]+|\s+(?!\S)|\s+",
        RegexOptions.CultureInvariant)]
    private static partial Regex Cl100kPieces();
#pragma warning restore MA0009
}
