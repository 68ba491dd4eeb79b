using System.Text.Json;
using System.Text.Json.Serialization;

namespace LlmProxy.EndToEnd.Fixtures;

/// <summary>The limits of a token or project as the management API takes them; what is null is not sent.</summary>
internal sealed record TokenLimits
{
    private static readonly JsonSerializerOptions Json = new()
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
    };

    public long? MaxRequests { get; init; }

    public long? RequestsPerMinute { get; init; }

    public long? MaxConcurrent { get; init; }

    public long? MaxTokens { get; init; }

    public long? TokensPerMinute { get; init; }

    /// <summary>Dollars, which the API takes as text.</summary>
    [JsonNumberHandling(JsonNumberHandling.WriteAsString)]
    public decimal? MaxCostUsd { get; init; }

    public IReadOnlyList<string>? AllowedModels { get; init; }

    public IReadOnlyList<string>? AllowedEndpoints { get; init; }

    public IReadOnlyList<string>? AllowedOrigins { get; init; }

    /// <summary>A body for the management API with the given members before the limits.</summary>
    public string ToBody(params IEnumerable<(string Name, object Value)> members)
    {
        var body = JsonSerializer.SerializeToNode(this, Json)!.AsObject();
        foreach (var (name, value) in members)
        {
            body[name] = JsonSerializer.SerializeToNode(value);
        }

        return body.ToJsonString();
    }
}
