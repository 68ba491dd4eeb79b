using System.Text;
using System.Text.Json;
using LlmProxy.EndToEnd.Meter;

namespace LlmProxy.EndToEnd.Events;

/// <summary>An event as whoever reads it gets it.</summary>
internal sealed record LoggedEvent(JsonElement Json)
{
    private static readonly string[] Instants = ["started_at", "sent_at", "first_byte_at", "ended_at"];

    public string EventId => Text("event_id")!;

    public string RequestId => Text("request_id")!;

    public string? TokenId => Text("token_id");

    public int Status => Json.GetProperty("status").GetInt32();

    public string Outcome => Text("outcome")!;

    /// <summary>What was used, and who says so; null when the event does not say.</summary>
    public (string Source, Metered Used)? Usage => Json.TryGetProperty("usage", out var usage)
        ? (usage.GetProperty("source").GetString()!, Metered.In(usage))
        : null;

    /// <summary>When it started, was sent, answered and ended, without what did not happen.</summary>
    public IReadOnlyList<DateTimeOffset> Times =>
    [
        .. Instants.Where(Has).Select(name => Json.GetProperty(name).GetDateTimeOffset()),
    ];

    /// <summary>Reads one line, and holds it against the published schema.</summary>
    public static LoggedEvent Parse(ReadOnlyMemory<byte> line)
    {
        JsonElement json;
        try
        {
            using var document = JsonDocument.Parse(line);
            json = document.RootElement.Clone();
        }
        catch (JsonException failure)
        {
            throw new InvalidDataException($"No JSON: {Encoding.UTF8.GetString(line.Span)}", failure);
        }

        EventSchema.Demand(json);
        return new LoggedEvent(json);
    }

    public bool Has(string name) => Json.TryGetProperty(name, out _);

    public string? Text(string name) => Json.TryGetProperty(name, out var value) ? value.GetString() : null;

    public bool Is(string name) => Json.GetProperty(name).GetBoolean();

    /// <summary>The message of one direction, <c>request</c> or <c>response</c>.</summary>
    public JsonElement Message(string direction) => Json.GetProperty(direction);

    public long Bytes(string direction) => Message(direction).GetProperty("bytes").GetInt64();

    /// <summary>What was kept of a body; null when none was.</summary>
    public JsonElement? Body(string direction) =>
        Message(direction).TryGetProperty("body", out var body) ? body : null;

    /// <summary>The value of a header field that was kept; null when it was not.</summary>
    public string? Header(string direction, string name) =>
        Message(direction).TryGetProperty("headers", out var headers) && headers.TryGetProperty(name, out var value)
            ? value.GetString()
            : null;
}
