using System.Text.Json;

namespace LlmProxy.Events.Assembly;

/// <summary>Takes the objects of a list into those that they go on with.</summary>
internal static class ElementMerge
{
    // So many calls may grow side by side without saying their index.
    private const int RecentCalls = 16;

    public static void Into(GrowingValue list, ref Utf8JsonReader reader, ReadOnlySpan<byte> json, bool isWhole)
    {
        if (!list.Enters(JsonTokenType.StartArray, ref reader, json, isWhole))
        {
            return;
        }

        list.BecomeContainer();
        for (var place = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; place++)
        {
            var element = reader.TokenType == JsonTokenType.StartObject ? ElementFor(list, reader, place) : null;
            if (element is not null)
            {
                element.Merge(ref reader, json, isWhole);
                continue;
            }

            list.Budget.IsFaulty |= reader.TokenType != JsonTokenType.StartObject;
            reader.Skip();
        }
    }

    private static GrowingValue? ElementFor(GrowingValue list, Utf8JsonReader ahead, int place)
    {
        if (list.Rule.Growth == Growth.Places)
        {
            return list.Element(place);
        }

        var facts = ElementFacts.Of(ahead, isIndexEnough: list.Rule.Growth == Growth.Choices);
        if (facts.Index == ElementFacts.Invalid)
        {
            list.Budget.IsFaulty = true;
            return null;
        }

        return list.Rule.Growth switch
        {
            Growth.Choices => list.Element(facts.HasIndex ? facts.Index : place),
            Growth.Calls => Call(list, facts),
            _ => Detail(list, facts),
        };
    }

    /// <summary>
    /// Increments of a call have its index; only the first has its id and name. But Gemini leaves the index out, Ollama
    /// and some builds of vLLM and SGLang give every call the index 0 and an id of its own, and others give every
    /// increment another id: only a new id with a name is a new call.
    /// </summary>
    private static GrowingValue? Call(GrowingValue calls, in ElementFacts facts)
    {
        if (facts.HasIndex)
        {
            var known = calls.FindElement(facts.Index);
            return known is not null && facts.HasName && IsOther(IdOf(known), facts.Id)
                ? calls.Add(facts.Index)
                : known ?? calls.Add(facts.Index);
        }

        var last = calls.Children.IsEmpty ? null : calls.Children[^1];
        if (facts.Id.IsEmpty)
        {
            return facts.HasName || last is null ? calls.Add(calls.Children.Length) : last;
        }

        var recent = calls.Children[Math.Max(0, calls.Children.Length - RecentCalls)..];
        foreach (var call in recent)
        {
            if (facts.Id.SequenceEqual(IdOf(call)))
            {
                return call;
            }
        }

        return calls.Add(calls.Children.Length);
    }

    private static GrowingValue? Detail(GrowingValue details, in ElementFacts facts)
    {
        var last = facts.HasIndex ? details.FindElement(facts.Index)
            : details.Children.IsEmpty ? null
            : details.Children[^1];
        return last is not null
            && JsonText.TryUnquote(last.Find("type"u8) is { } type ? type.Bytes : default, out var name)
            && name.SequenceEqual(facts.Type)
            && !IsOther(IdOf(last), facts.Id)
            ? last
            : details.Add(facts.HasIndex ? facts.Index : last?.Index ?? 0);
    }

    private static bool IsOther(ReadOnlySpan<byte> known, ReadOnlySpan<byte> said) =>
        !known.IsEmpty && !said.IsEmpty && !known.SequenceEqual(said);

    private static ReadOnlySpan<byte> IdOf(GrowingValue element) =>
        element.Find("id"u8) is { } id && JsonText.TryUnquote(id.Bytes, out var escaped) ? escaped : default;
}

/// <summary>What an element says of itself, read before it is known where it belongs.</summary>
internal ref struct ElementFacts
{
    /// <summary>The index is no number, or a negative one.</summary>
    public const int Invalid = -2;

    private const int None = -1;

    public int Index { get; private set; }

    public readonly bool HasIndex => Index >= 0;

    /// <summary>As it is between the quotes; empty when it says none.</summary>
    public ReadOnlySpan<byte> Id { get; private set; }

    public ReadOnlySpan<byte> Type { get; private set; }

    /// <summary>It names a function or a tool.</summary>
    public bool HasName { get; private set; }

    /// <param name="ahead">At the beginning of the object.</param>
    /// <param name="isIndexEnough">Nothing else matters.</param>
    public static ElementFacts Of(Utf8JsonReader ahead, bool isIndexEnough)
    {
        var facts = new ElementFacts { Index = None };
        while (ahead.Read() && ahead.TokenType == JsonTokenType.PropertyName)
        {
            var name = ahead.ValueSpan;
            ahead.Read();
            if (name.SequenceEqual("index"u8))
            {
                facts.Index = IndexAt(ref ahead);
                if (isIndexEnough)
                {
                    return facts;
                }
            }
            else if (name.SequenceEqual("id"u8) && ahead.TokenType == JsonTokenType.String)
            {
                facts.Id = ahead.ValueSpan;
            }
            else if (name.SequenceEqual("type"u8) && ahead.TokenType == JsonTokenType.String)
            {
                facts.Type = ahead.ValueSpan;
            }
            else if (name.SequenceEqual("function"u8) || name.SequenceEqual("custom"u8))
            {
                facts.HasName |= HasNameAt(ref ahead);
                continue;
            }

            ahead.Skip();
        }

        return facts;
    }

    private static int IndexAt(ref Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.Number when reader.TryGetInt32(out var index) && index >= 0 => index,
        JsonTokenType.Null => None,
        _ => Invalid,
    };

    /// <summary>Leaves the reader at the end of the value.</summary>
    private static bool HasNameAt(ref Utf8JsonReader reader)
    {
        var hasName = false;
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return false;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isName = reader.ValueSpan.SequenceEqual("name"u8);
            reader.Read();
            hasName |= isName && reader.TokenType == JsonTokenType.String && !reader.ValueSpan.IsEmpty;
            reader.Skip();
        }

        return hasName;
    }
}
