using System.Runtime.InteropServices;
using System.Text.Json;

namespace LlmProxy.Usage.Counting;

/// <summary>Adds up one prompt.</summary>
internal sealed class PromptTally(string? model, bool isAnthropic)
{
    // For a model that publishes no rule; a guess.
    private const int UnknownImage = 10_000;

    private readonly Tokenizer _tokenizer = Tokenizers.Of(model);
    private readonly ImageCost? _imageCost = ImageCost.Of(model);

    public string? Model => model;

    public long Tokens { get; set; }

    public bool IsWhole { get; set; } = !isAnthropic && Tokenizers.Knows(model) && Tokenizers.Of(model).IsExact;

    /// <summary>The text of a string; of anything else, its JSON.</summary>
    public void AddText(JsonElement value) => Tokens += value.ValueKind switch
    {
        JsonValueKind.Undefined or JsonValueKind.Null => 0,
        JsonValueKind.String => TryGetText(value, out var text)
            ? CountText(text)
            : JsonMarshal.GetRawUtf8Value(value).Length,
        _ => CountText(value.GetRawText()),
    };

    public void AddText(ReadOnlySpan<char> text) => Tokens += CountText(text);

    public void AddMember(JsonElement parent, string name) => AddText(Member(parent, name));

    /// <summary>A text, a list of texts, the tokens of one, a list of those.</summary>
    public void AddPrompts(JsonElement body, string name)
    {
        var prompts = Member(body, name);
        if (prompts.ValueKind != JsonValueKind.Array)
        {
            AddText(prompts);
            return;
        }

        foreach (var prompt in prompts.EnumerateArray())
        {
            switch (prompt.ValueKind)
            {
                case JsonValueKind.Number:
                    Tokens++;
                    break;
                case JsonValueKind.Array:
                    Tokens += prompt.GetArrayLength();
                    break;
                default:
                    AddText(prompt);
                    break;
            }
        }
    }

    /// <summary>What we know no rule for: its JSON, which is a guess.</summary>
    public void AddUnknown(JsonElement value)
    {
        AddText(value);
        IsWhole = false;
    }

    /// <summary>A picture by URL: a data URL is looked into, any other is as large as pictures get.</summary>
    public void AddImage(JsonElement url, JsonElement detail)
    {
        var size = url.ValueKind == JsonValueKind.String && TryGetText(url, out var text)
            ? ImageSize.OfDataUrl(System.Text.Encoding.UTF8.GetBytes(text))
            : null;
        AddImage(size, detail.ValueKind == JsonValueKind.String && detail.ValueEquals("low"u8));
    }

    public void AddImage(ImageSize? size, bool isLow)
    {
        if (isAnthropic)
        {
            Tokens += size is { } seen ? ImageCost.OfAnthropic(seen) : ImageCost.AnthropicMax;
            return;
        }

        if (_imageCost is not { } cost)
        {
            (Tokens, IsWhole) = (Tokens + UnknownImage, false);
            return;
        }

        // A low detail costs the same for every size, where there are tiles.
        var isBase = isLow && cost.Base > 0;
        Tokens += isBase ? cost.Base : size is { } known ? cost.Of(known, isLow) : cost.Max;
        IsWhole &= isBase || size is not null;
    }

    /// <summary>Undefined when it is not there, or when the parent is no object.</summary>
    public static JsonElement Member(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out var value) ? value : default;

    public static bool Is(JsonElement value, ReadOnlySpan<byte> text) =>
        value.ValueKind == JsonValueKind.String && TryGetText(value, out _) && value.ValueEquals(text);

    /// <summary>The elements of a list; nothing of anything else.</summary>
    public static IEnumerable<JsonElement> Items(JsonElement list)
    {
        if (list.ValueKind != JsonValueKind.Array)
        {
            yield break;
        }

        foreach (var item in list.EnumerateArray())
        {
            yield return item;
        }
    }

    /// <summary>False for half a surrogate pair, or bytes that are no UTF-8.</summary>
    public static bool TryGetText(JsonElement value, out string text)
    {
        try
        {
            text = value.GetString() ?? string.Empty;
            return true;
        }
        catch (InvalidOperationException)
        {
            text = string.Empty;
            return false;
        }
    }

    private long CountText(ReadOnlySpan<char> text) =>
        isAnthropic ? CompletionCounter.BoundForAnthropic(text) : _tokenizer.Count(text);
}
