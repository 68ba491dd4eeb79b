using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using LlmProxy.Events;

namespace LlmProxy.Dispatching.Sinks;

/// <summary>
/// A webhook of anybody's: the events as they are, in signed batches, by
/// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md (version 1.0.0).
/// </summary>
internal sealed class WebhookSink(SinkPost post, Uri address, WebhookKey key, TimeProvider clock) : ISink
{
    private static readonly Slices Slices = new(bytesMax: 8 * 1024 * 1024, eventsMax: 1000);

    public Task<IReadOnlyList<DeliveryOutcome>> DeliverAsync(
        IReadOnlyList<EventRecord> batch, CancellationToken stop) =>
        Slices.SendAsync(
            [.. batch.Select(static record => record.Parse() is null ? null : record.Json.ToArray())],
            slice => SendAsync([.. slice.Select(index => batch[index].Json)], stop));

    public ValueTask DisposeAsync()
    {
        post.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<IReadOnlyList<DeliveryOutcome>> SendAsync(
        IReadOnlyList<ReadOnlyMemory<byte>> events, CancellationToken stop)
    {
        var body = JsonPieces.Join("""{"events":["""u8, events, "]}"u8);

        // The same events are the same message, so that a receiver knows a repetition by its id.
        var id = $"msg_{Convert.ToHexStringLower(SHA256.HashData(body).AsSpan(0, 16))}";
        var time = clock.GetUtcNow().ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        var answer = await post.SendAsync(
            new PostRequest(address, body)
            {
                Headers =
                [
                    ("webhook-id", id),
                    ("webhook-timestamp", time),
                    ("webhook-signature", key.Sign($"{id}.{time}.", body)),
                ],
            },
            stop);
        return Slices.Same(answer.Outcome, events.Count);
    }
}

/// <summary>What webhooks are signed with.</summary>
internal sealed class WebhookKey
{
    private const string Prefix = "whsec_";
    private readonly byte[] _key;

    private WebhookKey(byte[] key) => _key = key;

    /// <summary><c>whsec_</c> and base64, as the specification has it; anything else is the key itself.</summary>
    /// <exception cref="Settings.StartFailure">It begins with <c>whsec_</c>, and base64 does not follow.</exception>
    public static WebhookKey Parse(Secrets.Secret key)
    {
        var text = key.Reveal().Trim();
        if (!text.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return new WebhookKey(Encoding.UTF8.GetBytes(text));
        }

        var bytes = new byte[text.Length];
        return Convert.TryFromBase64String(text[Prefix.Length..], bytes, out var length) && length > 0
            ? new WebhookKey(bytes[..length])
            : throw new Settings.StartFailure("--api-key: what follows whsec_ is not base64.");
    }

    /// <summary>The signature of both parts together, as its header has it.</summary>
    public string Sign(string head, ReadOnlySpan<byte> body)
    {
        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, _key);
        hash.AppendData(Encoding.UTF8.GetBytes(head));
        hash.AppendData(body);
        return $"v1,{Convert.ToBase64String(hash.GetHashAndReset())}";
    }
}
