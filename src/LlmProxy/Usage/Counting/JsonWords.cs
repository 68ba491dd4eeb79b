using System.Text.Json;

namespace LlmProxy.Usage.Counting;

/// <summary>Looks at the name or the text that a reader stands on.</summary>
internal static class JsonWords
{
    /// <summary>Without escapes; empty when it is longer than the scratch. Throws for half a surrogate pair.</summary>
    public static ReadOnlySpan<byte> Of(in Utf8JsonReader reader, Span<byte> scratch)
    {
        if (!reader.HasValueSequence && !reader.ValueIsEscaped)
        {
            return reader.ValueSpan;
        }

        // An unescaped word is never longer than the escaped one.
        var length = reader.HasValueSequence ? reader.ValueSequence.Length : reader.ValueSpan.Length;
        return length <= scratch.Length ? scratch[..reader.CopyString(scratch)] : [];
    }

    /// <summary>Whether a URL holds the picture itself. One that escapes these letters has something to hide.</summary>
    public static bool StartsAsPicture(in Utf8JsonReader reader)
    {
        if (!reader.HasValueSequence)
        {
            return reader.ValueSpan.StartsWith("data:"u8);
        }

        Span<byte> start = stackalloc byte[5];
        if (reader.ValueSequence.Length < start.Length)
        {
            return false;
        }

        System.Buffers.BuffersExtensions.CopyTo(reader.ValueSequence.Slice(0, start.Length), start);
        return start.SequenceEqual("data:"u8);
    }
}
