using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using LlmProxy.Events;

namespace LlmProxy.Dispatching.Sinks;

/// <summary>
/// An exchange as a client span by the GenAI conventions:
/// https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/client-inference.md, as of
/// revision 024a4f94. Attributes of ours begin with <c>llm_proxy.</c>
/// </summary>
internal static class OtlpSpan
{
    private const int Client = 3;
    private const int Error = 2;

    public static byte[] Write(ExchangeEvent exchange) => JsonPieces.Write(json =>
    {
        json.WriteStartObject();
        WriteIds(json, exchange.EventId);
        json.WriteString("name"u8, NameOf(exchange));
        json.WriteNumber("kind"u8, Client);
        json.WriteString("startTimeUnixNano"u8, Nanoseconds(exchange.StartedAt));
        json.WriteString("endTimeUnixNano"u8, Nanoseconds(Ending.EndOf(exchange)));
        json.WriteStartArray("attributes"u8);
        var attributes = new OtlpAttributes(json);
        AddCommon(attributes, exchange);
        AddOurs(attributes, exchange);
        json.WriteEndArray();
        if (Ending.ErrorTypeOf(exchange) is not null)
        {
            json.WriteStartObject("status"u8);
            json.WriteNumber("code"u8, Error);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    });

    /// <summary>
    /// Both come from the event's id, so that an event delivered twice is one span. Of a UUID, the trace's id is its
    /// 16 bytes: who has one finds the other.
    /// </summary>
    public static void WriteIds(Utf8JsonWriter json, string eventId)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(eventId));
        var trace = Guid.TryParse(eventId, out var id) && id != Guid.Empty
            ? id.ToByteArray(bigEndian: true)
            : hash[..16];
        json.WriteString("traceId"u8, Convert.ToHexStringLower(trace));
        json.WriteString("spanId"u8, Convert.ToHexStringLower(hash.AsSpan(16, 8)));
    }

    /// <summary>Since 1970; a time that no such number has is the nearest that one has.</summary>
    public static string Nanoseconds(DateTimeOffset time) =>
        (Math.Clamp((time - DateTimeOffset.UnixEpoch).Ticks, 0, long.MaxValue / 100) * 100)
        .ToString(CultureInfo.InvariantCulture);

    /// <summary>What the conventions say of a span and of the event with what was said.</summary>
    public static void AddCommon(OtlpAttributes attributes, ExchangeEvent exchange)
    {
        attributes.Add("gen_ai.operation.name", exchange.Operation);
        attributes.Add("gen_ai.provider.name", ProviderOf(exchange.Provider));
        attributes.Add("gen_ai.request.model", exchange.RequestModel);
        attributes.Add("gen_ai.request.stream", exchange.Stream);
        OtlpRequest.AddTo(attributes, exchange);
        attributes.Add("gen_ai.response.id", exchange.ResponseId);
        attributes.Add("gen_ai.response.model", exchange.ResponseModel);
        attributes.Add("gen_ai.response.finish_reasons", exchange.FinishReasons);
        attributes.Add("gen_ai.response.time_to_first_chunk", TimeToFirstChunk(exchange));
        if (exchange.Usage is { } usage)
        {
            attributes.Add("gen_ai.usage.input_tokens", usage.PromptTokens);
            attributes.Add("gen_ai.usage.output_tokens", usage.CompletionTokens);
            attributes.AddSome("gen_ai.usage.cache_read.input_tokens", usage.CachedTokens);
            attributes.AddSome("gen_ai.usage.cache_write.input_tokens", usage.CacheWrittenTokens);
            attributes.AddSome("gen_ai.usage.reasoning.output_tokens", usage.ReasoningTokens);
            attributes.AddSome("gen_ai.usage.audio.input_tokens", usage.AudioPromptTokens);
            attributes.AddSome("gen_ai.usage.audio.output_tokens", usage.AudioCompletionTokens);
        }

        attributes.Add("error.type", Ending.ErrorTypeOf(exchange));
    }

    private static void AddOurs(OtlpAttributes attributes, ExchangeEvent exchange)
    {
        attributes.Add("http.request.method", exchange.Method);
        attributes.Add("http.response.status_code", exchange.Status == 0 ? null : exchange.Status);
        attributes.Add("url.path", exchange.Path);
        if (string.Equals(exchange.Provider, "openai", StringComparison.OrdinalIgnoreCase))
        {
            attributes.Add("openai.response.service_tier", exchange.ServiceTier);
        }

        attributes.Add("llm_proxy.event.id", exchange.EventId);
        attributes.Add("llm_proxy.request.id", exchange.RequestId);
        attributes.Add("llm_proxy.project.id", exchange.ProjectId);
        attributes.Add("llm_proxy.token.id", exchange.TokenId);
        attributes.Add("llm_proxy.client.ip", exchange.ClientIp);
        attributes.Add("llm_proxy.outcome", exchange.Outcome);
        attributes.Add("llm_proxy.refusal", exchange.Refusal);
        attributes.Add("llm_proxy.reason", exchange.Reason);
        attributes.Add("llm_proxy.cache", exchange.Cache);
        attributes.Add("llm_proxy.usage.source", exchange.Usage?.Source);
        attributes.Add("llm_proxy.cost_usd", exchange.CostUsd);
        attributes.Add("llm_proxy.request.bytes", exchange.Request.Bytes);
        attributes.Add("llm_proxy.response.bytes", exchange.Response.Bytes);
        attributes.Add("llm_proxy.truncated", exchange.Truncated);
    }

    /// <summary>What has no operation is an HTTP request, whose path would make too many names.</summary>
    private static string NameOf(ExchangeEvent exchange) => exchange switch
    {
        { Operation: null } => exchange.Method,
        { RequestModel: null } => exchange.Operation,
        _ => $"{exchange.Operation} {exchange.RequestModel}",
    };

    private static double? TimeToFirstChunk(ExchangeEvent exchange) =>
        exchange is { Stream: true, SentAt: { } sent, FirstByteAt: { } first } && first >= sent
            ? (first - sent).TotalSeconds
            : null;

    /// <summary>The conventions' own names, where they have one for what a provider file may say.</summary>
    private static string? ProviderOf(string? provider) => provider?.ToUpperInvariant() switch
    {
        "AZURE" or "AZURE-OPENAI" or "AZURE_OPENAI" => "azure.ai.openai",
        "BEDROCK" or "AWS-BEDROCK" => "aws.bedrock",
        "GOOGLE" or "GEMINI" => "gcp.gemini",
        "VERTEX" or "VERTEX-AI" or "VERTEXAI" => "gcp.vertex_ai",
        "MISTRAL" or "MISTRALAI" => "mistral_ai",
        "MOONSHOT" => "moonshot_ai",
        "WATSONX" => "ibm.watsonx.ai",
        "XAI" => "x_ai",
        _ => provider,
    };
}
