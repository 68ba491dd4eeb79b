using System.Globalization;
using System.Text.Json;
using LlmProxy.Events;

namespace LlmProxy.Dispatching.Sinks;

/// <summary>
/// An exchange as Lunary's events of one run: <c>start</c>, and <c>end</c> or <c>error</c>. The members are those of
/// https://github.com/lunary-ai/lunary/blob/main/packages/backend/src/utils/ingest.ts and of what the lunary SDK sends.
/// </summary>
internal static class LunaryRun
{
    private const string Type = "llm";
    private const string Runtime = "llm-proxy";

    // What the SDK takes over from a request, for OpenAI's API and Anthropic's.
    private static readonly string[] Params =
    [
        "temperature", "top_p", "top_k", "stop", "audio", "prediction", "modalities", "presence_penalty",
        "frequency_penalty", "seed", "function_call", "service_tier", "parallel_tool_calls", "functions", "tools",
        "tool_choice", "top_logprobs", "logprobs", "response_format", "max_tokens", "max_completion_tokens",
        "max_output_tokens", "logit_bias", "n", "stop_sequences", "thinking", "reasoning", "reasoning_effort",
    ];

    /// <summary>Both events, with a comma between them.</summary>
    public static byte[] Write(ExchangeEvent exchange)
    {
        var request = exchange.Request.Body?.Json ?? default;
        var start = JsonPieces.Write(json => WriteStart(json, exchange, request));
        var end = JsonPieces.Write(json => WriteEnd(json, exchange));
        return JsonPieces.Join([], [start, end], []);
    }

    private static void WriteStart(Utf8JsonWriter json, ExchangeEvent exchange, JsonElement request)
    {
        WriteHead(json, "start", exchange, exchange.StartedAt);
        WriteName(json, exchange);
        if (Conversation.OfRequest(exchange) is { } input)
        {
            json.WritePropertyName("input"u8);
            LunaryMessages.WriteInput(json, input, exchange.Request.Body?.Json ?? default);
        }

        json.WriteStartObject("params"u8);
        foreach (var name in Params.Where(name => request.Member(name).IsThere()))
        {
            json.WritePropertyName(name);
            json.WriteRaw(request.Member(name));
        }

        json.WriteEndObject();
        json.WriteText(
            "userId", request.TextOf("user", "safety_identifier") ?? request.Member("metadata").TextOf("user_id"));
        WriteTags(json, exchange);
        LunaryMetadata.Write(json, exchange, request.Member("metadata"));
        json.WriteEndObject();
    }

    private static void WriteEnd(Utf8JsonWriter json, ExchangeEvent exchange)
    {
        var failed = Ending.IsFailure(exchange);
        WriteHead(json, failed ? "error" : "end", exchange, Ending.EndOf(exchange));
        if (failed)
        {
            var status = exchange.Status == 0
                ? string.Empty
                : exchange.Status.ToString(CultureInfo.InvariantCulture) + " ";
            json.WriteStartObject("error"u8);
            json.WriteString("message"u8, status + Ending.MessageOf(exchange));
            json.WriteEndObject();
            json.WriteEndObject();
            return;
        }

        WriteName(json, exchange);
        if (Conversation.OfResponse(exchange) is { } output)
        {
            json.WritePropertyName("output"u8);
            LunaryMessages.WriteOutput(json, output, exchange.Response.Body?.Json ?? default);
        }

        if (exchange.Usage is { } usage)
        {
            json.WriteStartObject("tokensUsage"u8);
            json.WriteNumber("completion"u8, usage.CompletionTokens);
            json.WriteNumber("prompt"u8, usage.PromptTokens);
            if (usage.CachedTokens > 0)
            {
                json.WriteNumber("promptCached"u8, usage.CachedTokens);
            }

            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteHead(Utf8JsonWriter json, string name, ExchangeEvent exchange, DateTimeOffset time)
    {
        json.WriteStartObject();
        json.WriteString("event"u8, name);
        json.WriteString("type"u8, Type);
        json.WriteString("runId"u8, exchange.EventId);
        json.WriteString(
            "timestamp"u8, time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
        json.WriteString("runtime"u8, Runtime);
    }

    /// <summary>What the price is looked up by.</summary>
    private static void WriteName(Utf8JsonWriter json, ExchangeEvent exchange) =>
        json.WriteText("name", exchange.RequestModel ?? exchange.ResponseModel);

    private static void WriteTags(Utf8JsonWriter json, ExchangeEvent exchange)
    {
        string?[] tags =
        [
            exchange.Provider,
            exchange.Operation,
            exchange.Stream ? "stream" : null,
            exchange.Cache == "hit" ? "cache-hit" : null,
            exchange.Refusal is null ? null : "refused",
        ];
        json.WriteStartArray("tags"u8);
        foreach (var tag in tags.OfType<string>())
        {
            json.WriteStringValue(tag);
        }

        json.WriteEndArray();
    }
}
