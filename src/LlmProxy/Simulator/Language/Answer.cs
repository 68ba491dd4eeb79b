using System.Text;
using System.Text.Json;

namespace LlmProxy.Simulator.Language;

/// <summary>What a model is asked for, in the words that all API shapes share.</summary>
internal sealed record Question(string Model, Conversation Conversation)
{
    public int? TokensMax { get; init; }

    /// <summary>From the request's header: exactly so many words.</summary>
    public int? WordCount { get; init; }

    public JsonElement Stop { get; init; }

    /// <summary>The answer must be JSON: of this schema, or any object when there is none.</summary>
    public JsonElement? Format { get; init; }

    public ToolUse? Tool { get; init; }
}

/// <summary>
/// The text of an answer. It follows from the prompt and the number of the choice alone, so it is the same whether it
/// is streamed or not.
/// </summary>
/// <param name="Text">Empty when a tool is called.</param>
/// <param name="IsCut">The limit of tokens ended it.</param>
/// <param name="Tokens"></param>
internal sealed record Answer(string Text, bool IsCut, int Tokens)
{
    private const int WordsQuoted = 12;
    private const int WordsLeast = 12;

    private static readonly string[] Vocabulary =
    [
        "amber", "autumn", "basin", "birch", "bridge", "canvas", "cedar", "cloud", "copper", "coral", "delta", "drift",
        "ember", "fable", "fern", "field", "flint", "garden", "glass", "grain", "harbor", "hazel", "hollow", "island",
        "ivory", "jasmine", "kernel", "lantern", "ledger", "linen", "lumen", "maple", "marble", "meadow", "mirror",
        "morning", "nectar", "north", "ocean", "olive", "orchid", "paper", "pearl", "pebble", "pine", "quartz", "quill",
        "raven", "river", "saffron", "sand", "silver", "slate", "spruce", "stone", "summer", "thistle", "timber",
        "velvet", "violet", "walnut", "water", "willow", "winter",
    ];

    public static Answer To(Question question, int choice = 0)
    {
        if (question.Tool is { } tool)
        {
            var words = Words.Count(tool.Name) + Words.Count(tool.Arguments);
            return words > question.TokensMax ? new("", true, question.TokensMax.Value) : new("", false, words);
        }

        var whole = question.Format is { } format ? Structured(format) : Prose(question, choice);
        var stopped = BeforeStop(whole, question.Stop);
        var tokens = Words.Count(stopped);
        return question.TokensMax is { } most && tokens > most
            ? new(Words.First(stopped, most), true, most)
            : new(stopped, false, tokens);
    }

    /// <summary>The answers of so many choices.</summary>
    public static IReadOnlyList<Answer> AllTo(Question question, int choices) =>
        [.. Enumerable.Range(0, choices).Select(choice => To(question, choice))];

    private static string Prose(Question question, int choice)
    {
        var prompt = question.Conversation.Prompt;
        var seed = Seed.Of(prompt, choice);
        var text = new StringBuilder(256);
        var words = question.WordCount ?? WordsLeast + (int)(seed.Next() % 8);
        if (question.WordCount is null)
        {
            text.Append("Simulated answer to \"").Append(Words.First(prompt, WordsQuoted)).Append("\":");
        }

        for (var i = 0; i < words; i++)
        {
            text.Append(text.Length > 0 ? " " : "").Append(Vocabulary[seed.Next() % (ulong)Vocabulary.Length]);
        }

        return text.ToString();
    }

    private static string Structured(JsonElement schema) =>
        schema.ValueKind == JsonValueKind.Object ? Tools.JsonTextOf(schema) : """{"answer": "simulated"}""";

    private static string BeforeStop(string text, JsonElement stop)
    {
        var end = stop.ValueKind switch
        {
            JsonValueKind.String => IndexOf(text, stop),
            JsonValueKind.Array => stop.EnumerateArray().Select(mark => IndexOf(text, mark)).Append(text.Length).Min(),
            _ => text.Length,
        };
        return text[..end];
    }

    private static int IndexOf(string text, JsonElement mark)
    {
        var index = mark.ValueKind == JsonValueKind.String && mark.GetString() is { Length: > 0 } sought
            ? text.IndexOf(sought, StringComparison.Ordinal)
            : -1;
        return index < 0 ? text.Length : index;
    }
}
