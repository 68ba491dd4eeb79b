using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace LlmProxy.Events.Assembly;

/// <summary>The members of one event, found in one walk, which also proves it to be JSON.</summary>
[StructLayout(LayoutKind.Auto)]
internal ref struct EventFields
{
    /// <summary>No event of an API has so many members; those beyond it are not seen.</summary>
    private const int FieldsMax = 24;

    private readonly ReadOnlySpan<byte> _json;
    private Fields _fields;
    private int _count;

    private EventFields(ReadOnlySpan<byte> json) => _json = json;

    /// <summary>The last member of that name, as it is written; empty when there is none.</summary>
    public readonly ReadOnlySpan<byte> this[ReadOnlySpan<byte> name]
    {
        get
        {
            for (var at = _count - 1; at >= 0; at--)
            {
                var field = _fields[at];
                if (field.NameLength == name.Length && _json.Slice(field.Name, field.NameLength).SequenceEqual(name))
                {
                    return _json[field.Start..field.End];
                }
            }

            return default;
        }
    }

    /// <summary>The members of an object; none when it is something else.</summary>
    /// <exception cref="JsonException">It is no JSON.</exception>
    public static EventFields Of(ReadOnlySpan<byte> json)
    {
        var fields = new EventFields(json);
        var reader = JsonText.Open(json);
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return fields;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            // One behind the quote.
            var name = (int)reader.TokenStartIndex + 1;
            var nameLength = reader.ValueSpan.Length;
            reader.Read();
            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            if (fields._count < FieldsMax)
            {
                fields._fields[fields._count++] = new Field(name, nameLength, start, (int)reader.BytesConsumed);
            }
        }

        // Throws when anything comes after it.
        reader.Read();
        return fields;
    }

    /// <summary>A string between its quotes; empty when it is none.</summary>
    public readonly ReadOnlySpan<byte> TextOf(ReadOnlySpan<byte> name) =>
        JsonText.TryUnquote(this[name], out var escaped) ? escaped : default;

    /// <summary>A number from 0; -1 when it is none.</summary>
    public readonly int IndexOf(ReadOnlySpan<byte> name) =>
        int.TryParse(this[name], provider: null, out var index) && index >= 0 ? index : -1;

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Field(int Name, int NameLength, int Start, int End);

    [InlineArray(FieldsMax)]
    private struct Fields
    {
        private Field _first;
    }
}
