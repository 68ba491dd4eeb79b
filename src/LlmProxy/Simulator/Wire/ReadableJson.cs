using System.Text.Json;
using System.Text.Unicode;

namespace LlmProxy.Simulator.Wire;

/// <summary>
/// JSON of which every string can be read. The parser lets invalid UTF-8 and halves of surrogate pairs through, and
/// fails only when somebody asks for such a string.
/// </summary>
internal static class ReadableJson
{
    /// <summary>Null for anything else.</summary>
    public static JsonDocument? Parse(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            return Utf8.IsValid(bytes.Span) && SurrogatesArePaired(bytes.Span) ? JsonDocument.Parse(bytes) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static bool SurrogatesArePaired(ReadOnlySpan<byte> bytes)
    {
        // Few bodies have any, and those that have none need no second pass.
        if (bytes.IndexOf("\\ud"u8) < 0 && bytes.IndexOf("\\uD"u8) < 0)
        {
            return true;
        }

        var reader = new Utf8JsonReader(bytes);
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName && reader.ValueIsEscaped)
                {
                    reader.GetString();
                }
            }

            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }
}
