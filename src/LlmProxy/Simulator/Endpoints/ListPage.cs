using System.Text.Json;

namespace LlmProxy.Simulator.Endpoints;

/// <summary>OpenAI's list object. Everything fits one page, because every shelf is small.</summary>
internal static class ListPage
{
    public static void Write<T>(
        Utf8JsonWriter json,
        IReadOnlyList<T> items,
        Func<T, string> idOf,
        Action<Utf8JsonWriter, T> write)
    {
        json.WriteStartObject();
        json.WriteString("object"u8, "list"u8);
        json.WriteStartArray("data"u8);
        foreach (var item in items)
        {
            write(json, item);
        }

        json.WriteEndArray();
        json.WriteString("first_id"u8, items.Count > 0 ? idOf(items[0]) : null);
        json.WriteString("last_id"u8, items.Count > 0 ? idOf(items[^1]) : null);
        json.WriteBoolean("has_more"u8, false);
        json.WriteEndObject();
    }
}
