using System.Globalization;
using System.Text.Json;
using LlmProxy.Http;
using LlmProxy.Limits;
using LlmProxy.Telemetry;
using LlmProxy.Usage;

namespace LlmProxy.Proxying;

/// <summary>
/// One line an exchange, after the answer. The request only hands the exchange over; the line is made on the log's
/// thread. It holds ids, never secrets, and the path without its query, where people put keys.
/// </summary>
internal sealed class AccessLog(LogQueue queue, TelemetryOptions options, TimeProvider clock)
{
    private readonly bool _isOn = options.Level <= LogLevel.Information;

    public void Record(Exchange exchange)
    {
        if (!_isOn)
        {
            return;
        }

        var time = clock.GetUtcNow();
        queue.Write(json => Write(json, exchange, time));
    }

    private void Write(Utf8JsonWriter json, Exchange exchange, DateTimeOffset time)
    {
        json.WriteString("time"u8, time);
        json.WriteString("level"u8, "info"u8);
        json.WriteString("msg"u8, "exchange"u8);
        json.WriteString("request_id"u8, exchange.RequestId);
        json.WriteString("outcome"u8, OutcomeWords.Of(exchange.Outcome));
        json.WriteNumber("status"u8, exchange.Status);
        if (exchange.Refusal is { } refusal)
        {
            json.WriteString("refusal"u8, refusal.Code);
        }

        if (exchange.Reason is { } reason)
        {
            json.WriteString("reason"u8, reason);
        }

        json.WriteString("method"u8, exchange.Method);
        json.WriteString("path"u8, SecretText.Hide(exchange.Target.Path));
        if (exchange.Route is { } route)
        {
            json.WriteString("provider"u8, route.Provider.Name);
        }

        if (exchange.Grant is { } grant)
        {
            json.WriteString("project_id"u8, grant.Project.Id);
            json.WriteString("token_id"u8, grant.TokenId);
        }

        WriteMeasures(json, exchange);
    }

    private void WriteMeasures(Utf8JsonWriter json, Exchange exchange)
    {
        WriteMilliseconds(json, "duration_ms"u8, exchange.Started, exchange.Ended);
        if (exchange is { SentUpstream: > 0, AnsweredUpstream: > 0 })
        {
            WriteMilliseconds(json, "upstream_ms"u8, exchange.SentUpstream, exchange.AnsweredUpstream);
        }

        if (exchange.CacheWord is { } cache)
        {
            json.WriteString("cache"u8, cache);
        }

        json.WriteNumber("request_bytes"u8, exchange.RequestBytes);
        json.WriteNumber("response_bytes"u8, exchange.ResponseBytes);
        WriteUsage(json, exchange);
        if (exchange.DroppedHeaders > 0)
        {
            json.WriteNumber("dropped_headers"u8, exchange.DroppedHeaders);
        }

        if (exchange.Client is { } client)
        {
            var address = client.IsIPv4MappedToIPv6 ? client.MapToIPv4() : client;
            json.WriteString("client_ip"u8, address.ToString());
        }
    }

    private static void WriteUsage(Utf8JsonWriter json, Exchange exchange)
    {
        if (exchange.Model is { } model)
        {
            json.WriteString("model"u8, SecretText.Hide(model));
        }

        if (exchange.Usage.Source != UsageSource.Unknown)
        {
            json.WriteNumber("prompt_tokens"u8, exchange.Usage.Prompt);
            json.WriteNumber("completion_tokens"u8, exchange.Usage.Completion);
            json.WriteString("usage"u8, exchange.Usage.Source == UsageSource.Reported ? "reported"u8 : "counted"u8);
        }

        if (exchange.Cost is { } cost)
        {
            json.WriteString("cost_usd"u8, UsDollars.Write(cost));
        }

        if (exchange.UsageFaults != UsageFaults.None)
        {
            json.WriteStartArray("usage_faults"u8);
            foreach (var fault in UsageMetrics.NamesOf(exchange.UsageFaults))
            {
                json.WriteStringValue(fault);
            }

            json.WriteEndArray();
        }
    }

    private void WriteMilliseconds(Utf8JsonWriter json, ReadOnlySpan<byte> name, long from, long to)
    {
        Span<char> text = stackalloc char[24];
        var elapsed = clock.GetElapsedTime(from, to).TotalMilliseconds;
        if (elapsed.TryFormat(text, out var length, "0.000", CultureInfo.InvariantCulture))
        {
            json.WritePropertyName(name);
            json.WriteRawValue(text[..length], skipInputValidation: true);
        }
    }
}
