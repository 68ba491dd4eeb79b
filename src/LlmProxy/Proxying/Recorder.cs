using System.Net;
using System.Net.Sockets;
using LlmProxy.Events;
using LlmProxy.Http;
using LlmProxy.Limits;
using LlmProxy.Usage;
using LlmProxy.Usage.Counting;

namespace LlmProxy.Proxying;

/// <summary>
/// Makes the event of an exchange. The request hands over what there is and goes on; the event is put together and
/// written by the bus, in the background.
/// </summary>
internal sealed class Recorder(EventBus bus, EventOptions options, TimeProvider clock)
{
    /// <summary>What an exchange is recorded with; null when nobody wants to know of it.</summary>
    public Recording? Begin() => bus.IsIdle ? null : new Recording(options);

    /// <summary>The exchange is over and settled. Neither waits nor throws.</summary>
    public void Publish(Exchange exchange)
    {
        if (exchange.Recording is { } recording && !bus.TryPublish(() => Describe(exchange, recording)))
        {
            recording.Dispose();
        }
    }

    private ExchangeEvent Describe(Exchange exchange, Recording recording)
    {
        using (recording)
        {
            return Describe(exchange, recording, RecordedBodies.Read(exchange, recording, options));
        }
    }

    private ExchangeEvent Describe(Exchange exchange, Recording recording, RecordedBodies bodies)
    {
        var now = clock.GetUtcNow();
        var refusal = exchange.Refusal;
        return new ExchangeEvent
        {
            EventId = TimeOrderedId.New(now).ToString(),
            RequestId = exchange.RequestId,
            ProjectId = exchange.Grant?.Project.Id.ToString(),
            TokenId = exchange.Grant?.TokenId.ToString(),
            Provider = exchange.Route?.Provider.Name,
            Operation = WordFor(exchange.Operation.Shape),
            Method = exchange.Method,
            Path = SecretText.Hide(exchange.Target.Path),
            Status = exchange.Outcome == Outcome.ClientGone && exchange.ResponseBytes == 0 ? 0 : exchange.Status,
            Outcome = OutcomeWords.Of(exchange.Outcome),
            Refusal = refusal?.Code,
            Reason = exchange.Reason,
            StartedAt = At(now, exchange.Started)!.Value,
            SentAt = At(now, exchange.SentUpstream),
            FirstByteAt = At(now, exchange.FirstByte),
            EndedAt = At(now, exchange.Ended)!.Value,
            DurationMs = Milliseconds(exchange.Started, exchange.Ended),
            TimeToFirstByteMs = exchange.FirstByte == 0
                ? null
                : Milliseconds(exchange.Started, exchange.FirstByte),
            Stream = recording.IsStream,
            RequestModel = Visible(exchange.RequestModel ?? bodies.RequestModel ?? exchange.Model),
            ResponseModel = exchange.AnsweredUpstream == 0 ? null : Visible(exchange.Model),
            ServiceTier = exchange.ServiceTier,
            ResponseId = bodies.Signs.Id,
            FinishReasons = bodies.Signs.FinishReasons,
            Cache = exchange.CacheWord,
            Usage = UsageOf(exchange.Usage),
            UsageFaults = exchange.UsageFaults == UsageFaults.None
                ? null
                : UsageMetrics.NamesOf(exchange.UsageFaults).ToArray(),
            CostUsd = exchange.Cost is { } cost ? UsDollars.Write(cost) : null,
            ClientIp = AddressOf(exchange.Client),
            Aborted = exchange.Outcome == Outcome.ClientGone,
            Truncated = exchange.Outcome is Outcome.Truncated or Outcome.TimedOut or Outcome.Revoked,
            Request = new EventMessage
            {
                Bytes = exchange.RequestBytes,
                ContentType = recording.RequestType,
                Headers = FieldsOf(recording.RequestHeaders),
                Body = bodies.Request,
            },
            Response = new EventMessage
            {
                Bytes = exchange.ResponseBytes,
                ContentType = recording.ResponseType,
                Headers = FieldsOf(recording.ResponseHeaders),
                Body = bodies.Response,
            },
        };
    }

    /// <summary>A client may name as its model whatever it likes, its key too.</summary>
    private static string? Visible(string? model) => model is null ? null : SecretText.Hide(model);

    private static Dictionary<string, string>? FieldsOf(KeyValuePair<string, string>[]? headers)
    {
        if (headers is null)
        {
            return null;
        }

        var fields = new Dictionary<string, string>(headers.Length, StringComparer.Ordinal);
        foreach (var (name, value) in headers)
        {
            fields[name.ToLowerInvariant()] = SecretText.Hide(value);
        }

        return fields;
    }

    private DateTimeOffset? At(DateTimeOffset now, long timestamp) =>
        timestamp == 0 ? null : now - clock.GetElapsedTime(timestamp);

    private double Milliseconds(long from, long to) =>
        Math.Round(clock.GetElapsedTime(from, to).TotalMilliseconds, 3);

    /// <summary>The words of OTel's <c>gen_ai.operation.name</c>.</summary>
    private static string? WordFor(ApiShape shape) => shape switch
    {
        ApiShape.Chat or ApiShape.Responses or ApiShape.Messages => "chat",
        ApiShape.Completions => "text_completion",
        ApiShape.Embeddings => "embeddings",
        _ => null,
    };

    private static EventUsage? UsageOf(in UsageReport usage) => usage.Source == UsageSource.Unknown
        ? null
        : new EventUsage
        {
            Source = usage.Source == UsageSource.Reported ? "reported" : "counted",
            PromptTokens = usage.Prompt,
            CompletionTokens = usage.Completion,
            TotalTokens = usage.Total,
            CachedTokens = usage.Cached,
            CacheWrittenTokens = usage.CacheWritten,
            ReasoningTokens = usage.Reasoning,
            AudioPromptTokens = usage.AudioPrompt,
            AudioCompletionTokens = usage.AudioCompletion,
        };

    private string? AddressOf(IPAddress? client)
    {
        if (client is null || options.ClientAddress == AddressPolicy.None)
        {
            return null;
        }

        var address = client.IsIPv4MappedToIPv6 ? client.MapToIPv4() : client;
        return options.ClientAddress == AddressPolicy.Full ? address.ToString() : NetworkOf(address);
    }

    private static string NetworkOf(IPAddress address)
    {
        var bits = address.AddressFamily == AddressFamily.InterNetwork ? 24 : 48;
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(bits / 8).Clear();
        return $"{new IPAddress(bytes)}/{bits}";
    }
}
