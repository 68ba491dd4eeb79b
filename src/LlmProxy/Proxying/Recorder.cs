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
            return Describe(
                exchange, recording, RecordedBodies.Read(exchange, recording, options),
                new RecordedText(exchange.Grant?.Project.ProviderKey.Reveal()));
        }
    }

    private ExchangeEvent Describe(
        Exchange exchange, Recording recording, RecordedBodies bodies, RecordedText text)
    {
        // All other instants are reckoned from this one, so that they are in their order.
        var now = clock.GetUtcNow();
        var started = now - clock.GetElapsedTime(exchange.Started);
        return new ExchangeEvent
        {
            EventId = TimeOrderedId.New(now).ToString(),
            RequestId = exchange.RequestId,
            ProjectId = exchange.Grant?.Project.Id.ToString(),
            TokenId = exchange.Grant?.TokenId.ToString(),
            Provider = exchange.Route?.Provider.Name,
            Operation = WordFor(exchange.Operation.Shape),
            Method = exchange.Method,
            Path = text.Of(exchange.Target.Path.ToString()),
            Status = exchange.Outcome == Outcome.ClientGone && exchange.ResponseBytes == 0 ? 0 : exchange.Status,
            Outcome = OutcomeWords.Of(exchange.Outcome),
            Refusal = exchange.Refusal?.Code,
            Reason = exchange.Reason,
            StartedAt = started,
            SentAt = At(exchange, started, exchange.SentUpstream),
            FirstByteAt = At(exchange, started, exchange.FirstByte),
            EndedAt = At(exchange, started, exchange.Ended)!.Value,
            DurationMs = Milliseconds(exchange.Started, exchange.Ended),
            TimeToFirstByteMs = exchange.FirstByte == 0
                ? null
                : Milliseconds(exchange.Started, exchange.FirstByte),
            Stream = recording.IsStream,
            RequestModel = text.OfOrNull(exchange.RequestModel ?? bodies.RequestModel ?? exchange.Model),
            ResponseModel = exchange.AnsweredUpstream == 0 ? null : text.OfOrNull(exchange.Model),
            ServiceTier = text.OfOrNull(exchange.ServiceTier),
            ResponseId = text.OfOrNull(bodies.Signs.Id),
            FinishReasons = bodies.Signs.FinishReasons?.Select(text.Of).ToArray(),
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
                ContentType = text.OfOrNull(recording.RequestType),
                Headers = text.OfOrNull(recording.RequestHeaders),
                Body = bodies.Request,
            },
            Response = new EventMessage
            {
                Bytes = exchange.ResponseBytes,
                ContentType = text.OfOrNull(recording.ResponseType),
                Headers = text.OfOrNull(recording.ResponseHeaders),
                Body = bodies.Response,
            },
        };
    }

    private DateTimeOffset? At(Exchange exchange, DateTimeOffset started, long timestamp) =>
        timestamp == 0 ? null : started + clock.GetElapsedTime(exchange.Started, timestamp);

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
