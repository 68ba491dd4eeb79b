using System.Globalization;
using System.Text.RegularExpressions;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Meter;

/// <summary>A request that runs a model, of any of the APIs, with what the simulator is asked to do.</summary>
internal sealed partial record ModelQuestion(string Path, string Model, string Body)
{
    /// <summary>More tokens than <see cref="WordsMax"/> words can have, however they are counted.</summary>
    private const int OutputMax = 64;
    private const int WordsMax = 12;

    private static readonly string[] Words = ["river", "stone", "green", "window", "seven", "paper", "cloud"];

    /// <summary>The simulator counts words, and no tokenizer finds fewer tokens in them.</summary>
    public int PromptWords { get; init; }

    /// <summary>Header lines for the simulator.</summary>
    public IReadOnlyList<string> Wishes { get; init; } = [];

    public static ModelQuestion Any(Dice dice)
    {
        var words = Enumerable.Range(0, 1 + dice.Below(10)).Select(_ => dice.Pick(Words)).ToList();
        var prompt = string.Join(' ', words);
        var chunks = string.Create(CultureInfo.InvariantCulture, $"x-simulator-chunks: {1 + dice.Below(WordsMax)}");
        var question = dice.Below(8) switch
        {
            0 => Chat(prompt, OutputMax) with { Wishes = [chunks] },
            1 => Chat(prompt, OutputMax) with
            {
                // Some of the prompt comes out of a cache, which has a price of its own.
                Wishes =
                [
                    chunks,
                    string.Create(CultureInfo.InvariantCulture,
                        $"x-simulator-usage: prompt={words.Count},completion=3,cached={dice.Below(words.Count + 1)}"),
                ],
            },
            2 or 3 => Streamed(Chat(prompt, OutputMax), ""","stream_options":{"include_usage":true}""", chunks),
            4 => Response(prompt) with { Wishes = [chunks] },
            5 => Streamed(Response(prompt), "", chunks),
            6 => Streamed(Message(prompt), "", chunks),
            _ => new("/v1/embeddings", "text-embedding-3-small",
                $$"""{"model":"text-embedding-3-small","dimensions":4,"input":"{{prompt}}"}"""),
        };
        return question with { PromptWords = words.Count };
    }

    public static ModelQuestion Chat(string prompt, long outputMax) => new("/v1/chat/completions", "gpt-4o-mini",
        string.Create(CultureInfo.InvariantCulture, $$"""
            {"model":"gpt-4o-mini","max_tokens":{{outputMax}},"messages":[{"role":"user","content":"{{prompt}}"}]}
            """));

    /// <summary>The whole request, for a connection that is to be used again.</summary>
    public string For(ProxyProcess proxy, string secret) => proxy.Head("POST", Path, secret,
    [
        "Content-Type: application/json", "anthropic-version: 2023-06-01",
        string.Create(CultureInfo.InvariantCulture, $"Content-Length: {Body.Length}"), .. Wishes,
    ]) + Body;

    /// <summary>What the answer says at its end that was used; every API has words of its own for it.</summary>
    public Told UsageIn(string answer) => new(Model,
        Last(Prompt().Matches(answer)), Last(Cached().Matches(answer)), Last(Completion().Matches(answer)));

    private static ModelQuestion Response(string prompt) => new("/v1/responses", "gpt-5.4-mini",
        $$"""{"model":"gpt-5.4-mini","max_output_tokens":64,"input":"{{prompt}}"}""");

    private static ModelQuestion Message(string prompt) => new("/v1/messages", "claude-haiku-4-5",
        $$"""{"model":"claude-haiku-4-5","max_tokens":64,"messages":[{"role":"user","content":"{{prompt}}"}]}""");

    private static ModelQuestion Streamed(ModelQuestion question, string options, string chunks) => question with
    {
        Body = question.Body[..^1] + $",\"stream\":true{options}}}",
        Wishes = [chunks],
    };

    private static long Last(MatchCollection matches) =>
        matches.Count == 0 ? 0 : long.Parse(matches[^1].Groups["n"].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex("""
        "(?:prompt|input)_tokens":(?<n>\d+)
        """, RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Prompt();

    [GeneratedRegex("""
        "cached_tokens":(?<n>\d+)
        """, RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Cached();

    [GeneratedRegex("""
        "(?:completion|output)_tokens":(?<n>\d+)
        """, RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Completion();
}
