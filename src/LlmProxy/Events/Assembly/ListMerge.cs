using System.Text.Json;

namespace LlmProxy.Events.Assembly;

/// <summary>Adds the elements of a list, as they come, to those that are there.</summary>
internal static class ListMerge
{
    public static void Into(GrowingValue list, ref Utf8JsonReader reader, ReadOnlySpan<byte> json, bool isWhole)
    {
        if (!list.Enters(JsonTokenType.StartArray, ref reader, json, isWhole))
        {
            return;
        }

        var each = reader;
        var elements = JsonText.Trim(JsonText.RawOf(ref reader, json)[1..^1]);
        if (isWhole)
        {
            list.SetElements(elements);
        }
        else if (!list.TryAppendElements(elements))
        {
            AppendEach(list, ref each, json);
        }
    }

    /// <summary>As many as there is room for.</summary>
    private static void AppendEach(GrowingValue list, ref Utf8JsonReader reader, ReadOnlySpan<byte> json)
    {
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (!list.TryAppendElements(JsonText.RawOf(ref reader, json)))
            {
                return;
            }
        }
    }
}
