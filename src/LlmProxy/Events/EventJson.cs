using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace LlmProxy.Events;

/// <summary>The JSON form of an event: one line, snake_case, without members that are null.</summary>
internal static class EventJson
{
    // Not for HTML: without this, every letter beyond ASCII would take six bytes.
    private static readonly EventJsonContext Context = new(new JsonSerializerOptions(EventJsonContext.Default.Options)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    public static byte[] Write(ExchangeEvent exchange) =>
        JsonSerializer.SerializeToUtf8Bytes(exchange, Context.ExchangeEvent);

    /// <summary>The event; null for what is none, such as one of a newer version.</summary>
    public static ExchangeEvent? TryRead(ReadOnlySpan<byte> json)
    {
        try
        {
            var read = JsonSerializer.Deserialize(json, Context.ExchangeEvent);
            return read is { SchemaVersion: ExchangeEvent.Version } ? read : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ExchangeEvent))]
internal sealed partial class EventJsonContext : JsonSerializerContext;
