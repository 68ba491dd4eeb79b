using System.Text.Json;
using LlmProxy.Events;

namespace LlmProxy.Dispatching.Sinks;

/// <summary>
/// All that is known of an exchange and has no place of its own. Lunary keeps texts, numbers, booleans and lists of
/// them, one level deep.
/// </summary>
internal static class LunaryMetadata
{
    // Lunary writes snake_case in camelCase, and so may a client.
    private static readonly HashSet<string> Ours = new[]
    {
        "request_id", "project_id", "token_id", "provider", "operation", "method", "path", "outcome", "refusal",
        "reason", "cache", "cost_usd", "client_ip", "response_id", "response_model", "service_tier", "status",
        "stream", "duration_ms", "time_to_first_byte_ms", "truncated", "usage_source", "reasoning_tokens",
        "finish_reasons",
    }.Select(Folded).ToHashSet(StringComparer.Ordinal);

    public static void Write(Utf8JsonWriter json, ExchangeEvent exchange, JsonElement ofClient)
    {
        json.WriteStartObject("metadata"u8);
        WriteTexts(json, exchange);
        json.WriteNumber("status"u8, exchange.Status);
        json.WriteBoolean("stream"u8, exchange.Stream);
        WriteNumber(json, "duration_ms", exchange.DurationMs);
        WriteNumber(json, "time_to_first_byte_ms", exchange.TimeToFirstByteMs);
        if (exchange.Truncated)
        {
            json.WriteBoolean("truncated"u8, true);
        }

        if (exchange.Usage is { } usage)
        {
            json.WriteString("usage_source"u8, usage.Source);
            json.WriteNumber("reasoning_tokens"u8, usage.ReasoningTokens);
        }

        if (exchange.FinishReasons is { Count: > 0 } reasons)
        {
            json.WriteStartArray("finish_reasons"u8);
            foreach (var reason in reasons)
            {
                json.WriteStringValue(reason);
            }

            json.WriteEndArray();
        }

        // As the SDK takes it over; but nothing of a client's passes for one of ours.
        foreach (var (name, value) in ofClient.Members().Where(static member => IsSimple(member.Value)))
        {
            if (!Ours.Contains(Folded(name)))
            {
                json.WritePropertyName(name);
                json.WriteRaw(value);
            }
        }

        json.WriteEndObject();
    }

    private static void WriteTexts(Utf8JsonWriter json, ExchangeEvent exchange)
    {
        json.WriteText("request_id", exchange.RequestId);
        json.WriteText("project_id", exchange.ProjectId);
        json.WriteText("token_id", exchange.TokenId);
        json.WriteText("provider", exchange.Provider);
        json.WriteText("operation", exchange.Operation);
        json.WriteText("method", exchange.Method);
        json.WriteText("path", exchange.Path);
        json.WriteText("outcome", exchange.Outcome);
        json.WriteText("refusal", exchange.Refusal);
        json.WriteText("reason", exchange.Reason);
        json.WriteText("cache", exchange.Cache);
        json.WriteText("cost_usd", exchange.CostUsd);
        json.WriteText("client_ip", exchange.ClientIp);
        json.WriteText("response_id", exchange.ResponseId);
        json.WriteText("response_model", exchange.ResponseModel);
        json.WriteText("service_tier", exchange.ServiceTier);
    }

    private static void WriteNumber(Utf8JsonWriter json, string name, double? value)
    {
        if (value is { } number && double.IsFinite(number))
        {
            json.WriteNumber(name, number);
        }
    }

    private static string Folded(string name) =>
        name.Replace("_", string.Empty, StringComparison.Ordinal)
            .Replace("-", string.Empty, StringComparison.Ordinal)
            .ToUpperInvariant();

    private static bool IsSimple(JsonElement value) =>
        value.ValueKind is JsonValueKind.String or JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False;
}
