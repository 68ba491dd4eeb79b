using System.Text.Json;
using LlmProxy.Events;

namespace LlmProxy.Dispatching.Sinks;

/// <summary>
/// An exchange as Helicone's manual logger has it. What the page of <see cref="HeliconeSink"/> leaves open was read in
/// Helicone's source (https://github.com/Helicone/helicone, <c>AsyncLog.ts</c> and <c>DBLoggable.ts</c> in
/// worker/src/lib): both <c>json</c> members must be there, and no exchange may end before it starts.
/// </summary>
internal static class HeliconeLog
{
    private const int ClientClosedRequest = 499;

    public static byte[] Write(ExchangeEvent exchange) => JsonPieces.Write(json =>
    {
        json.WriteStartObject();
        WriteRequest(json, exchange);
        WriteResponse(json, exchange);
        WriteTiming(json, exchange);
        json.WriteEndObject();
    });

    private static void WriteRequest(Utf8JsonWriter json, ExchangeEvent exchange)
    {
        json.WriteStartObject("providerRequest"u8);
        json.WriteString("url"u8, "custom-model-nopath"u8);
        json.WriteStartObject("json"u8);
        var body = exchange.Request.Body;
        if (body?.Json is { ValueKind: JsonValueKind.Object } request)
        {
            // With "stream" Helicone takes the answer for the text of a stream, which an assembled one is not.
            foreach (var (name, value) in request.Members().Where(member =>
                IsRawStream(exchange) || member.Name is not ("stream" or "stream_options")))
            {
                json.WritePropertyName(name);
                json.WriteRaw(value);
            }
        }
        else
        {
            json.WriteText("model", exchange.RequestModel);
            WriteBody(json, body);
        }

        json.WriteEndObject();
        HeliconeMeta.Write(json, exchange);
        json.WriteEndObject();
    }

    private static void WriteResponse(Utf8JsonWriter json, ExchangeEvent exchange)
    {
        json.WriteStartObject("providerResponse"u8);
        json.WriteNumber("status"u8, exchange.Status == 0 ? ClientClosedRequest : exchange.Status);
        HeliconeMeta.WriteHeaders(json, exchange.Response.Headers);
        json.WriteStartObject("json"u8);
        if (!IsRawStream(exchange))
        {
            WriteAnswer(json, exchange);
        }

        json.WriteEndObject();
        if (IsRawStream(exchange))
        {
            json.WriteString("textBody"u8, exchange.Response.Body!.Text);
        }

        json.WriteEndObject();
    }

    private static void WriteAnswer(Utf8JsonWriter json, ExchangeEvent exchange)
    {
        var body = exchange.Response.Body;
        var answer = body?.Json ?? default;
        if (answer.ValueKind == JsonValueKind.Object)
        {
            foreach (var (name, value) in answer.Members())
            {
                json.WritePropertyName(name);
                json.WriteRaw(value);
            }
        }
        else
        {
            json.WriteText("id", exchange.ResponseId);
            json.WriteText("model", exchange.ResponseModel ?? exchange.RequestModel);
            WriteBody(json, body);
            if (Ending.ErrorTypeOf(exchange) is { } error)
            {
                json.WriteStartObject("error"u8);
                json.WriteString("message"u8, Ending.MessageOf(exchange));
                json.WriteString("code"u8, error);
                json.WriteEndObject();
            }
        }

        var isCounted = answer.Member("usage").IsThere() || answer.Member("usageMetadata").IsThere();
        if (exchange.Usage is { } usage && !isCounted)
        {
            WriteUsage(json, exchange.Provider, usage);
        }
    }

    /// <summary>A body that is no object, under a name of its own.</summary>
    private static void WriteBody(Utf8JsonWriter json, EventBody? body)
    {
        if (body is null)
        {
            return;
        }

        json.WritePropertyName("body"u8);
        if (body.Json is { } other)
        {
            json.WriteRaw(other);
        }
        else
        {
            json.WriteStringValue(body.Text ?? body.Base64);
        }

        if (body.Truncated)
        {
            json.WriteBoolean("truncated"u8, true);
        }
    }

    /// <summary>In the form of the provider's own answers: Helicone reads another for each of its routes.</summary>
    private static void WriteUsage(Utf8JsonWriter json, string? provider, EventUsage usage)
    {
        if (string.Equals(provider, "anthropic", StringComparison.OrdinalIgnoreCase))
        {
            // Anthropic counts what came from its cache, or went there, beside the input; we count it as part of it.
            json.WriteStartObject("usage"u8);
            json.WriteNumber(
                "input_tokens"u8, Math.Max(0, usage.PromptTokens - usage.CachedTokens - usage.CacheWrittenTokens));
            json.WriteNumber("output_tokens"u8, usage.CompletionTokens);
            json.WriteNumber("cache_read_input_tokens"u8, usage.CachedTokens);
            json.WriteNumber("cache_creation_input_tokens"u8, usage.CacheWrittenTokens);
        }
        else if (provider?.ToUpperInvariant() is "GOOGLE" or "GEMINI")
        {
            json.WriteStartObject("usageMetadata"u8);
            json.WriteNumber("promptTokenCount"u8, usage.PromptTokens);
            json.WriteNumber("candidatesTokenCount"u8, usage.CompletionTokens);
            json.WriteNumber("totalTokenCount"u8, usage.TotalTokens);
        }
        else
        {
            json.WriteStartObject("usage"u8);
            json.WriteNumber("prompt_tokens"u8, usage.PromptTokens);
            json.WriteNumber("completion_tokens"u8, usage.CompletionTokens);
            json.WriteNumber("total_tokens"u8, usage.TotalTokens);
            json.WriteStartObject("prompt_tokens_details"u8);
            json.WriteNumber("cached_tokens"u8, usage.CachedTokens);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteTiming(Utf8JsonWriter json, ExchangeEvent exchange)
    {
        json.WriteStartObject("timing"u8);
        WriteTime(json, "startTime", exchange.StartedAt);
        WriteTime(json, "endTime", Ending.EndOf(exchange));
        if (exchange.Stream && exchange.TimeToFirstByteMs is >= 0 and < 1e9 and var wait)
        {
            json.WriteNumber("timeToFirstToken"u8, (long)Math.Round(wait));
        }

        json.WriteEndObject();
    }

    private static void WriteTime(Utf8JsonWriter json, string name, DateTimeOffset time)
    {
        var milliseconds = Math.Max(0, time.ToUnixTimeMilliseconds());
        json.WriteStartObject(name);
        json.WriteNumber("seconds"u8, milliseconds / 1000);
        json.WriteNumber("milliseconds"u8, milliseconds % 1000);
        json.WriteEndObject();
    }

    /// <summary>A stream that was kept as it was sent, and whole.</summary>
    private static bool IsRawStream(ExchangeEvent exchange) =>
        exchange is { Stream: true, Response.Body: { Text: not null, Truncated: false } };
}
