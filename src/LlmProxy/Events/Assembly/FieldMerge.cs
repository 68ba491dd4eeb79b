using System.Text.Json;

namespace LlmProxy.Events.Assembly;

/// <summary>Takes the members of an object into those that are known.</summary>
internal static class FieldMerge
{
    private const int EscapedNameBytesMax = 128;

    public static void Into(GrowingValue value, ref Utf8JsonReader reader, ReadOnlySpan<byte> json, bool isWhole)
    {
        if (!value.Enters(JsonTokenType.StartObject, ref reader, json, isWhole))
        {
            return;
        }

        value.BecomeContainer();
        var position = 0;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var member = reader.ValueIsEscaped
                ? EscapedMember(value, ref reader)
                : value.Member(reader.ValueSpan, ref position);
            reader.Read();
            if (member is null)
            {
                reader.Skip();
            }
            else
            {
                member.Merge(ref reader, json, isWhole);
            }
        }
    }

    private static GrowingValue? EscapedMember(GrowingValue value, ref Utf8JsonReader reader)
    {
        if (reader.ValueSpan.Length > EscapedNameBytesMax)
        {
            value.Budget.IsTruncated = true;
            return null;
        }

        Span<byte> name = stackalloc byte[EscapedNameBytesMax];
        return value.Member(name[..reader.CopyString(name)]);
    }
}
