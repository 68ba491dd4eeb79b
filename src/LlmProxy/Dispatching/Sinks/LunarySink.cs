using System.Text.Json;
using LlmProxy.Events;

namespace LlmProxy.Dispatching.Sinks;

/// <summary>
/// Lunary: a few requests a batch, each with two events an exchange. The answer says of each event whether it was
/// taken: https://github.com/lunary-ai/lunary/blob/main/packages/backend/src/api/v1/runs/ingest.ts.
/// </summary>
internal sealed class LunarySink(SinkPost post, Uri address, SinkHeader credential) : ISink
{
    public const string Service = "https://api.lunary.ai/v1/runs/ingest";
    public const string Path = "/v1/runs/ingest";

    // Lunary takes 20 MB a request. An answer of 200 exchanges is some 30 KiB, of which 64 are read.
    private static readonly Slices Slices = new(bytesMax: 8 * 1024 * 1024, eventsMax: 200);

    // How Lunary says that it has a run already: it was delivered before, and only the answer was lost.
    private const string Duplicate = "already exists";

    public Task<IReadOnlyList<DeliveryOutcome>> DeliverAsync(IReadOnlyList<EventRecord> batch, CancellationToken stop)
    {
        var pieces = batch.Select(static record => record.Parse() is { } read ? LunaryRun.Write(read) : null).ToList();
        return Slices.SendAsync(pieces, slice => SendAsync(slice, batch, pieces, stop));
    }

    public ValueTask DisposeAsync()
    {
        post.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<IReadOnlyList<DeliveryOutcome>> SendAsync(
        IReadOnlyList<int> slice, IReadOnlyList<EventRecord> batch, List<byte[]?> pieces, CancellationToken stop)
    {
        var body = JsonPieces.Join(
            """{"events":["""u8, slice.Select(index => (ReadOnlyMemory<byte>)pieces[index]), "]}"u8);
        var answer = await post.SendAsync(
            new PostRequest(address, body) { Credential = credential, WantsAnswer = true }, stop);
        return answer.Outcome.Verdict == Verdict.Accepted
            ? Judge(ReadResults(answer.Body), [.. slice.Select(index => batch[index].Id)])
            : Slices.Same(answer.Outcome, slice.Count);
    }

    /// <summary>An exchange is accepted when none of its events failed, and at least one is mentioned.</summary>
    private static IReadOnlyList<DeliveryOutcome> Judge(
        Dictionary<string, bool>? results, IReadOnlyList<string> runs) =>
        [.. runs.Select(run => results switch
        {
            // Something else answers there; to believe it would be to lose everything.
            null => DeliveryOutcome.TryLater("not Lunary's answer"),
            _ when !results.TryGetValue(run, out var accepted) => DeliveryOutcome.TryLater("not in Lunary's answer"),
            _ when results[run] => DeliveryOutcome.Accepted,
            _ => DeliveryOutcome.Refused("Lunary did not take it"),
        })];

    /// <summary>
    /// For each run, whether all of its events were taken, as far as the answer was read; null for what is no answer of
    /// Lunary's.
    /// </summary>
    private static Dictionary<string, bool>? ReadResults(ReadOnlyMemory<byte> answer)
    {
        var reader = new Utf8JsonReader(answer.Span, isFinalBlock: false, default);
        Dictionary<string, bool>? results = null;
        try
        {
            while (results is null && reader.Read())
            {
                results = reader is { CurrentDepth: 1, TokenType: JsonTokenType.PropertyName }
                    && reader.ValueTextEquals("results"u8) && reader.Read()
                    && reader.TokenType == JsonTokenType.StartArray
                        ? new Dictionary<string, bool>(StringComparer.Ordinal)
                        : null;
            }

            while (results is not null && reader.Read() && reader.TokenType != JsonTokenType.EndArray
                && JsonDocument.TryParseValue(ref reader, out var result))
            {
                using (result)
                {
                    Note(results, result.RootElement);
                }
            }
        }
        catch (JsonException)
        {
            // What was read until here was Lunary's.
        }

        return results;
    }

    private static void Note(Dictionary<string, bool> results, JsonElement result)
    {
        var accepted = result.Member("success").ValueKind == JsonValueKind.True
            || result.TextOf("error")?.Contains(Duplicate, StringComparison.OrdinalIgnoreCase) == true;
        var run = result.TextOf("id") ?? string.Empty;
        results[run] = accepted && results.GetValueOrDefault(run, true);
    }
}
