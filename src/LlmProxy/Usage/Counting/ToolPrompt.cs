using System.Text.Json;

namespace LlmProxy.Usage.Counting;

/// <summary>
/// Functions as OpenAI's models see them: a namespace of TypeScript types. The numbers are those of OpenAI's cookbook,
/// "How to count tokens with tiktoken", chapter 7; what it says nothing of (types in types) is counted alike.
/// </summary>
internal sealed class ToolPrompt(PromptTally tally)
{
    private const int PropertiesStart = 3;
    private const int PropertyStart = 3;
    private const int EnumStart = -3;
    private const int EnumItem = 3;
    private const int End = 12;

    // Deeper than the parser goes.
    private const int DepthMax = 64;

    // The models of the newer encoding need less to begin a function.
    private readonly int _start = Tokenizers.Of(tally.Model) == Tokenizers.Cl100k ? 10 : 7;

    private bool _isAny;

    /// <summary>Adds one function: its name, description and parameters.</summary>
    public void Add(JsonElement function)
    {
        tally.Tokens += _start;
        tally.AddText($"{TextOf(function, "name")}:{WithoutStop(TextOf(function, "description"))}");
        AddProperties(PromptTally.Member(function, "parameters"), DepthMax);
        _isAny = true;
    }

    /// <summary>What stands after the last function.</summary>
    public void Finish() => tally.Tokens += _isAny ? End : 0;

    private void AddProperties(JsonElement schema, int depth)
    {
        var properties = PromptTally.Member(schema, "properties");
        if (properties.ValueKind != JsonValueKind.Object || depth == 0)
        {
            return;
        }

        var isFirst = true;
        foreach (var property in properties.EnumerateObject())
        {
            tally.Tokens += PropertyStart + (isFirst ? PropertiesStart : 0);
            isFirst = false;
            AddProperty(property, depth);
        }
    }

    private void AddProperty(JsonProperty property, int depth)
    {
        var schema = property.Value;
        var isNamed = TryGetName(property, out var name);
        tally.AddText(
            $"{name}:{TextOf(schema, "type")}:{WithoutStop(TextOf(schema, "description"))}");
        tally.IsWhole &= isNamed;
        if (schema.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        foreach (var part in schema.EnumerateObject())
        {
            if (!TryGetName(part, out var word))
            {
                tally.AddUnknown(part.Value);
                continue;
            }

            switch (word)
            {
                case "type" or "description" or "required" or "additionalProperties":
                    break;
                case "enum":
                    AddEnum(part.Value);
                    break;
                case "properties":
                    AddProperties(schema, depth - 1);
                    break;
                case "items" when PromptTally.Member(part.Value, "properties").ValueKind == JsonValueKind.Object:
                    AddProperties(part.Value, depth - 1);
                    break;
                default:
                    tally.AddText(part.Value);
                    break;
            }
        }
    }

    private void AddEnum(JsonElement items)
    {
        tally.Tokens += items.ValueKind == JsonValueKind.Array && items.GetArrayLength() > 0 ? EnumStart : 0;
        foreach (var item in PromptTally.Items(items))
        {
            // Strings have two quotes and a bar between them, numbers the bar only.
            tally.Tokens += item.ValueKind == JsonValueKind.String ? EnumItem : 1;
            tally.AddText(item);
        }
    }

    private static bool TryGetName(JsonProperty property, out string name)
    {
        try
        {
            name = property.Name;
            return true;
        }
        catch (InvalidOperationException)
        {
            name = string.Empty;
            return false;
        }
    }

    /// <summary>The text of a string; of anything else that is there, its JSON.</summary>
    private static string TextOf(JsonElement parent, string name)
    {
        var value = PromptTally.Member(parent, name);
        return value.ValueKind switch
        {
            JsonValueKind.Undefined or JsonValueKind.Null => string.Empty,
            JsonValueKind.String when PromptTally.TryGetText(value, out var text) => text,
            _ => value.GetRawText(),
        };
    }

    private static string WithoutStop(string text) => text.EndsWith('.') ? text[..^1] : text;
}
