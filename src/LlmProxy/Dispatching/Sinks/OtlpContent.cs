using System.Text.Json;
using LlmProxy.Events;

namespace LlmProxy.Dispatching.Sinks;

/// <summary>
/// What was said, as a log record: the conventions' event <c>gen_ai.client.inference.operation.details</c>, whose
/// messages have the form of
/// https://github.com/open-telemetry/semantic-conventions-genai/tree/main/model/gen-ai (gen-ai-input-messages.json,
/// gen-ai-output-messages.json, gen-ai-system-instructions.json), as of revision 2b902ce1.
/// </summary>
/// <remarks>What is no inference (files, embeddings) has an event of ours, with the bodies.</remarks>
internal static class OtlpContent
{
    private const string Inference = "gen_ai.client.inference.operation.details";
    private const string Bodies = "llm_proxy.exchange.bodies";

    // What the conventions ask for, for this event.
    private const int Debug = 5;

    /// <summary>Empty when no body was kept.</summary>
    public static byte[] Write(ExchangeEvent exchange)
    {
        if (exchange is { Request.Body: null, Response.Body: null })
        {
            return [];
        }

        var isInference = exchange.Operation is "chat" or "text_completion" or "generate_content";
        return JsonPieces.Write(json =>
        {
            json.WriteStartObject();
            var time = OtlpSpan.Nanoseconds(Ending.EndOf(exchange));
            json.WriteString("timeUnixNano"u8, time);
            json.WriteString("observedTimeUnixNano"u8, time);
            json.WriteNumber("severityNumber"u8, Debug);
            json.WriteString("eventName"u8, isInference ? Inference : Bodies);
            OtlpSpan.WriteIds(json, exchange.EventId);
            json.WriteStartArray("attributes"u8);
            var attributes = new OtlpAttributes(json);
            OtlpSpan.AddCommon(attributes, exchange);
            attributes.Add("llm_proxy.event.id", exchange.EventId);
            attributes.Add("llm_proxy.request.body_truncated", exchange.Request.Body?.Truncated == true);
            attributes.Add("llm_proxy.response.body_truncated", exchange.Response.Body?.Truncated == true);
            if (isInference)
            {
                AddMessages(json, attributes, exchange);
            }
            else
            {
                AddBody(attributes, "llm_proxy.request.body", exchange.Request.Body);
                AddBody(attributes, "llm_proxy.response.body", exchange.Response.Body);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    private static void AddBody(OtlpAttributes attributes, string key, EventBody? body)
    {
        attributes.Add(key, body?.Json ?? default);
        attributes.Add(key, body?.Text ?? body?.Base64);
    }

    private static void AddMessages(Utf8JsonWriter json, OtlpAttributes attributes, ExchangeEvent exchange)
    {
        if (Conversation.OfRequest(exchange) is { } input)
        {
            if (input.Instructions.Count > 0)
            {
                attributes.Add("gen_ai.system_instructions", () => OtlpMessages.WriteParts(json, input.Instructions));
            }

            attributes.Add("gen_ai.input.messages", () => OtlpMessages.Write(json, input.Turns));
        }

        if (Conversation.OfResponse(exchange) is { } output)
        {
            // One is expected here; that an error has none is said by this word.
            var without = Ending.ErrorTypeOf(exchange) is null ? null : "error";
            attributes.Add(
                "gen_ai.output.messages",
                () => OtlpMessages.Write(
                    json, [.. output.Turns.Select(turn => turn with { FinishReason = turn.FinishReason ?? without })]));
        }
    }
}
