using System.Text.Json.Nodes;

namespace LlmProxy.Tests.Dispatching.Sinks;

/// <summary>JSON as it was expected, and a value as it is: equal when they say the same.</summary>
internal sealed class JsonComparer : IEqualityComparer<JsonNode?>
{
    public static readonly JsonComparer Instance = new();

    public bool Equals(JsonNode? expected, JsonNode? actual) => JsonNode.DeepEquals(Parsed(expected), actual);

    public int GetHashCode(JsonNode? node) => 0;

    // An expected text is JSON.
    private static JsonNode? Parsed(JsonNode? expected) =>
        expected is JsonValue value && value.TryGetValue<string>(out var text) ? JsonNode.Parse(text) : expected;
}
