using System.Globalization;
using System.Text.Json;
using LlmProxy.Events;

namespace LlmProxy.Dispatching.Sinks;

/// <summary>
/// OpenTelemetry: a span for each exchange and, when bodies were kept, a log record with what was said, as JSON over
/// HTTP (https://opentelemetry.io/docs/specs/otlp/#otlphttp).
/// </summary>
/// <remarks>
/// Spans go first. If they were taken and the log records were not, the spans are sent again with them: both ids come
/// from the event's, so that it is the same span.
/// </remarks>
internal sealed class OtlpSink : ISink
{
    public const string Service = "http://localhost:4318";

    private const string Traces = "/v1/traces";
    private const string Logs = "/v1/logs";

    // 20 MiB is what receivers are told to take; what is quoted grows.
    private static readonly Slices Slices = new(bytesMax: 8 * 1024 * 1024, eventsMax: 1000);

    private readonly SinkPost _post;
    private readonly SinkHeader? _credential;
    private readonly Uri _traces;
    private readonly Uri _logs;

    /// <param name="post">Posts.</param>
    /// <param name="address">What stands before <c>/v1/traces</c>; that itself is understood too.</param>
    /// <param name="credential">Null for a collector that asks for none.</param>
    public OtlpSink(SinkPost post, Uri address, SinkHeader? credential)
    {
        (_post, _credential) = (post, credential);
        var path = address.AbsolutePath.TrimEnd('/');
        path = path.EndsWith(Traces, StringComparison.Ordinal) ? path[..^Traces.Length] : path;
        (_traces, _logs) = (address.WithPath(path + Traces), address.WithPath(path + Logs));
    }

    public Task<IReadOnlyList<DeliveryOutcome>> DeliverAsync(IReadOnlyList<EventRecord> batch, CancellationToken stop)
    {
        var spans = new byte[]?[batch.Count];
        var logs = new byte[]?[batch.Count];
        foreach (var (index, record) in batch.Index())
        {
            if (record.Parse() is { } exchange)
            {
                spans[index] = OtlpSpan.Write(exchange);
                logs[index] = OtlpContent.Write(exchange);
            }
        }

        // Both of an event count, so that neither request grows beyond the bound.
        var pieces = spans.Zip(logs, static (span, log) => span?.Length >= log?.Length ? span : log);
        return Slices.SendAsync([.. pieces], slice => SendAsync(slice, spans, logs, stop));
    }

    public ValueTask DisposeAsync()
    {
        _post.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>429, 502, 503, 504: https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes.</summary>
    private static bool IsTransient(int status) => status is 429 or (>= 502 and <= 504);

    private async Task<IReadOnlyList<DeliveryOutcome>> SendAsync(
        IReadOnlyList<int> slice, byte[]?[] spans, byte[]?[] logs, CancellationToken stop)
    {
        var traced = await SendAsync(
            _traces, OtlpEnvelope.OfSpans(slice.Select(index => spans[index]!)), "rejectedSpans", slice.Count, stop);
        var recorded = slice.Where(index => logs[index]!.Length > 0).ToList();
        if (recorded.Count == 0 || traced.Verdict != Verdict.Accepted)
        {
            return Slices.Same(traced, slice.Count);
        }

        var logged = await SendAsync(
            _logs,
            OtlpEnvelope.OfLogs(recorded.Select(index => logs[index]!)),
            "rejectedLogRecords",
            recorded.Count,
            stop);
        var outcome = logged with { Reason = logged.Reason is { } reason ? $"logs: {reason}" : null };
        var said = Slices.Same(outcome, recorded.Count);
        return [.. slice.Select(index =>
            recorded.IndexOf(index) is >= 0 and var place ? said[place] : DeliveryOutcome.Accepted)];
    }

    private async Task<DeliveryOutcome> SendAsync(
        Uri address, byte[] body, string rejected, int items, CancellationToken stop)
    {
        var answer = await _post.SendAsync(
            new PostRequest(address, body)
            {
                Credential = _credential,
                Compress = true,
                WantsAnswer = true,
                IsTransient = IsTransient,
            },
            stop);
        return answer.Outcome.Verdict == Verdict.Accepted && CountRejected(answer.Body, rejected) is > 0 and var count
            ? DeliveryOutcome.Refused($"{Math.Min(count, items)} of {items} rejected")
            : answer.Outcome;
    }

    /// <summary>
    /// How many of a request that was accepted were not, after all. The same request is not to be sent again; the
    /// events are, each alone, to find out which it was.
    /// </summary>
    private static long CountRejected(ReadOnlyMemory<byte> answer, string rejected)
    {
        try
        {
            using var document = JsonDocument.Parse(answer);
            var count = document.RootElement.Member("partialSuccess").Member(rejected);
            return long.TryParse(
                count.TextOrRaw(), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;
        }
        catch (JsonException)
        {
            return 0;
        }
    }
}
