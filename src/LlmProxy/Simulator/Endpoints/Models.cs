using System.Text.Json;
using LlmProxy.Simulator.Language;
using LlmProxy.Simulator.Wire;

namespace LlmProxy.Simulator.Endpoints;

/// <summary><c>/v1/models</c>. Other endpoints take any model; these are the ones that it lists.</summary>
internal static class Models
{
    private static readonly string[] Known =
    [
        "gpt-5", "gpt-5-mini", "gpt-4.1", "gpt-4o", "gpt-4o-mini", "gpt-3.5-turbo-instruct", "o4-mini", "gpt-realtime",
        "text-embedding-3-small", "text-embedding-3-large", "gpt-image-1", "gpt-4o-mini-tts", "whisper-1",
        "omni-moderation-latest",
    ];

    private static readonly byte[] List = WriteList();

    public static Task ListAsync(SimulatedCall call) => call.SendAsync("application/json", List);

    public static Task FindAsync(SimulatedCall call, string id) => Known.Contains(id, StringComparer.Ordinal)
        ? call.SendJsonAsync(id, Write)
        : call.RefuseAsync(ApiError.NotFound("model", id));

    private static byte[] WriteList()
    {
        using var buffer = JsonBuffer.Rent();
        buffer.Json.WriteStartObject();
        buffer.Json.WriteString("object"u8, "list"u8);
        buffer.Json.WriteStartArray("data"u8);
        foreach (var id in Known)
        {
            Write(buffer.Json, id);
        }

        buffer.Json.WriteEndArray();
        buffer.Json.WriteEndObject();
        return buffer.Finish().ToArray();
    }

    private static void Write(Utf8JsonWriter json, string id)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, id);
        json.WriteString("object"u8, "model"u8);
        json.WriteNumber("created"u8, Origin.UnixSeconds);
        json.WriteString("owned_by"u8, "simulator"u8);
        json.WriteEndObject();
    }
}
