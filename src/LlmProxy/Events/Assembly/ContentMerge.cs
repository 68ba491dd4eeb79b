using System.Text.Json;

namespace LlmProxy.Events.Assembly;

/// <summary>
/// Takes in the content of a message, which is text, or with reasoning models of Mistral's a list of typed parts:
/// their increments are lists too, until the answer proper comes as plain strings.
/// </summary>
internal static class ContentMerge
{
    public static void Into(GrowingValue content, ref Utf8JsonReader reader, ReadOnlySpan<byte> json, bool isWhole)
    {
        if (reader.TokenType == JsonTokenType.StartArray)
        {
            MergeParts(content, ref reader, json, isWhole);
        }
        else if (content.Enters(JsonTokenType.String, ref reader, json, isWhole))
        {
            MergeText(content, reader.ValueSpan);
        }
    }

    private static void MergeText(GrowingValue content, ReadOnlySpan<byte> escaped)
    {
        if (!content.HasChildren)
        {
            content.AppendText(escaped);
        }
        else if (!escaped.IsEmpty)
        {
            TextPart(content)?.Member("text"u8)?.AppendText(escaped);
        }
    }

    private static void MergeParts(
        GrowingValue content, ref Utf8JsonReader reader, ReadOnlySpan<byte> json, bool isWhole)
    {
        MakeList(content);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var part = reader.TokenType == JsonTokenType.StartObject ? PartFor(content, reader) : null;
            if (part is not null)
            {
                part.Merge(ref reader, json, isWhole);
                continue;
            }

            content.Budget.IsFaulty |= reader.TokenType != JsonTokenType.StartObject;
            reader.Skip();
        }
    }

    private static GrowingValue? PartFor(GrowingValue content, Utf8JsonReader ahead)
    {
        var type = ElementFacts.Of(ahead, isIndexEnough: false).Type;
        var goesOn = type.SequenceEqual("text"u8) || type.SequenceEqual("thinking"u8);
        return goesOn && LastPart(content) is { } last && IsOf(last, type) ? last : NewPart(content);
    }

    private static GrowingValue? TextPart(GrowingValue content)
    {
        if (LastPart(content) is { } last && IsOf(last, "text"u8))
        {
            return last;
        }

        var part = NewPart(content);
        part?.Member("type"u8)?.Merge("\"text\""u8, isWhole: true);
        return part;
    }

    /// <summary>Text that has come before becomes the first part.</summary>
    private static void MakeList(GrowingValue content)
    {
        if (content.IsText && !content.IsEmpty)
        {
            var text = new GrowingValue(GrowthRule.Text, content.Budget);
            content.HandText(text);
            content.BecomeContainer();
            var member = TextPart(content)?.Member("text"u8);
            if (member is not null)
            {
                text.HandText(member);
            }

            text.Dispose();
        }

        content.BecomeContainer();
    }

    private static GrowingValue? NewPart(GrowingValue content) => content.Add(content.Children.Length);

    private static GrowingValue? LastPart(GrowingValue content) =>
        content.Children.IsEmpty ? null : content.Children[^1];

    private static bool IsOf(GrowingValue part, ReadOnlySpan<byte> type) =>
        part.Find("type"u8) is { } known
        && JsonText.TryUnquote(known.Bytes, out var name)
        && name.SequenceEqual(type);
}
