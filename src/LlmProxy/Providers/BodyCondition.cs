using System.Buffers;
using System.Text;
using System.Text.Json;

namespace LlmProxy.Providers;

/// <summary>A top-level member that a JSON body must have, and the scalar that it must be.</summary>
internal sealed class BodyCondition
{
    private static readonly JsonReaderOptions StrictJson =
        new() { MaxDepth = 64, CommentHandling = JsonCommentHandling.Disallow, AllowTrailingCommas = false };

    private readonly byte[] _name;
    private readonly JsonTokenType _type;
    private readonly string? _text;
    private readonly decimal? _decimal;
    private readonly double _double;

    private BodyCondition(string name, JsonTokenType type, string? text)
    {
        (Name, _name, _type, _text) = (name, Encoding.UTF8.GetBytes(name), type, text);
        if (type == JsonTokenType.Number)
        {
            var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(text!));
            reader.Read();
            (_decimal, _double) = (DecimalOf(reader), DoubleOf(reader));
        }
    }

    public string Name { get; }

    /// <summary>What the provider file has; null when it is no scalar, or a number that is not written as in JSON.</summary>
    public static BodyCondition? Of(string name, ConfigNode node) => node switch
    {
        { IsNull: true } => new BodyCondition(name, JsonTokenType.Null, null),
        { Text: null } => null,
        { IsQuoted: true } => new BodyCondition(name, JsonTokenType.String, node.Text),
        { Text: "true" or "True" or "TRUE" } => new BodyCondition(name, JsonTokenType.True, null),
        { Text: "false" or "False" or "FALSE" } => new BodyCondition(name, JsonTokenType.False, null),
        _ when IsNumber(node.Text) => new BodyCondition(name, JsonTokenType.Number, node.Text),
        _ when char.IsAsciiDigit(node.Text[0]) || node.Text[0] is '.' or '+' or '-' => null,
        _ => new BodyCondition(name, JsonTokenType.String, node.Text),
    };

    /// <summary>Whether the body is a JSON object that meets all of them. Allocates nothing.</summary>
    public static bool AreMet(IReadOnlyList<BodyCondition> conditions, in ReadOnlySequence<byte> body)
    {
        if (conditions.Count == 0)
        {
            return true;
        }

        try
        {
            var reader = new Utf8JsonReader(body, StrictJson);
            return reader.Read() && reader.TokenType == JsonTokenType.StartObject && AreMet(conditions, ref reader);
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException)
        {
            // Not JSON (JsonException), or a name or a value with half a surrogate pair.
            return false;
        }
    }

    private static bool AreMet(IReadOnlyList<BodyCondition> conditions, ref Utf8JsonReader reader)
    {
        var met = 0UL;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var named = IndexOf(conditions, reader);
            reader.Read();
            if (named >= 0)
            {
                if ((met & (1UL << named)) != 0 || !conditions[named].IsMetBy(reader))
                {
                    return false;
                }

                met |= 1UL << named;
            }

            reader.Skip();
        }

        // Reads on, because what follows the object makes it no JSON.
        return !reader.Read() && met == (1UL << conditions.Count) - 1;
    }

    private static int IndexOf(IReadOnlyList<BodyCondition> conditions, in Utf8JsonReader reader)
    {
        for (var i = 0; i < conditions.Count; i++)
        {
            if (reader.ValueTextEquals(conditions[i]._name))
            {
                return i;
            }
        }

        return -1;
    }

    private bool IsMetBy(in Utf8JsonReader reader) => reader.TokenType == _type && _type switch
    {
        JsonTokenType.String => reader.ValueTextEquals(_text),
        JsonTokenType.Number => _decimal is { } exact && DecimalOf(reader) is { } value
            ? exact == value
            : DoubleOf(reader) is var number && double.IsFinite(number) && number == _double,
        _ => true,
    };

    /// <summary>Numbers are compared by value, so that 0, 0.0 and 0e0 are the same.</summary>
    private static decimal? DecimalOf(in Utf8JsonReader reader) =>
        reader.TryGetDecimal(out var value) ? value : null;

    private static double DoubleOf(in Utf8JsonReader reader) => reader.TryGetDouble(out var value) ? value : double.NaN;

    private static bool IsNumber(string text)
    {
        try
        {
            var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(text), StrictJson);
            return reader.Read() && reader.TokenType == JsonTokenType.Number && !reader.Read();
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
