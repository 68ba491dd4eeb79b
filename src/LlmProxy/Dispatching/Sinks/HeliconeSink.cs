using System.Text.Json;
using LlmProxy.Events;

namespace LlmProxy.Dispatching.Sinks;

/// <summary>
/// Helicone's manual logger, which takes one exchange a request:
/// https://docs.helicone.ai/getting-started/integration-method/manual-logger-curl.
/// </summary>
internal sealed class HeliconeSink(SinkPost post, Uri address, SinkHeader credential) : ISink
{
    public const string Service = "https://api.worker.helicone.ai/custom/v1/log";
    public const string Path = "/custom/v1/log";

    private const int AtOnce = 8;

    // Which route stands for which provider, as in Helicone's own SDK; the others are custom.
    private static readonly Dictionary<string, string> Routes = new(StringComparer.OrdinalIgnoreCase)
    {
        ["openai"] = "oai",
        ["anthropic"] = "anthropic",
        ["google"] = "googleapis",
        ["gemini"] = "googleapis",
    };

    public async Task<IReadOnlyList<DeliveryOutcome>> DeliverAsync(
        IReadOnlyList<EventRecord> batch, CancellationToken stop)
    {
        var outcomes = new DeliveryOutcome[batch.Count];

        // Set by whoever meets a service that is away; the rest of the batch need not find it out again.
        object? putOff = null;
        var settings = new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = stop };
        await Parallel.ForEachAsync(batch.Index(), settings, async (item, token) =>
        {
            if (Volatile.Read(ref putOff) is DeliveryOutcome same)
            {
                outcomes[item.Index] = same;
                return;
            }

            var (outcome, concernsAll) = await SendAsync(item.Item, token);
            outcomes[item.Index] = outcome;
            if (concernsAll)
            {
                Volatile.Write(ref putOff, outcome);
            }
        });
        return outcomes;
    }

    public ValueTask DisposeAsync()
    {
        post.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<(DeliveryOutcome Outcome, bool ConcernsAll)> SendAsync(
        EventRecord record, CancellationToken stop)
    {
        if (record.Parse() is not { } exchange)
        {
            return (DeliveryOutcome.Refused("unreadable event"), false);
        }

        var answer = await post.SendAsync(
            new PostRequest(AddressFor(exchange), HeliconeLog.Write(exchange))
            {
                Credential = credential,
                WantsAnswer = true,
            },
            stop);
        return answer.Outcome.Verdict == Verdict.Accepted && SaysError(answer.Body)
            ? (DeliveryOutcome.Refused("Helicone did not take it"), false)
            : (answer.Outcome, answer.ConcernsAll);
    }

    /// <summary>With the provider's route, if the path is Helicone's own; else as it was configured.</summary>
    private Uri AddressFor(ExchangeEvent exchange)
    {
        const string Tail = "/v1/log";
        var path = address.AbsolutePath;
        if (!path.EndsWith("/custom" + Tail, StringComparison.Ordinal))
        {
            return address;
        }

        var route = Routes.GetValueOrDefault(exchange.Provider ?? string.Empty, "custom");
        return address.WithPath($"{path[..^("custom".Length + Tail.Length)]}{route}{Tail}");
    }

    /// <summary>What could not be logged is answered with 200 and an error, what could with <c>ok</c>.</summary>
    private static bool SaysError(ReadOnlyMemory<byte> answer)
    {
        try
        {
            using var document = JsonDocument.Parse(answer);
            return document.RootElement.Member("error").IsThere();
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
