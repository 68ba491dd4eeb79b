using System.Text.Json;
using System.Text.Json.Serialization;

namespace LlmProxy.Events;

/// <summary>
/// The record of one exchange as it is published: <c>api/event.schema.json</c> describes its JSON form. It holds ids,
/// never a credential.
/// </summary>
internal sealed record ExchangeEvent
{
    /// <summary>The version of the schema: a number that grows when a reader of the old one would err.</summary>
    public const int Version = 1;

    public int SchemaVersion { get; init; } = Version;

    /// <summary>UUIDv7. Who gets an event twice knows it by this.</summary>
    public required string EventId { get; init; }

    /// <summary>What <c>X-LLM-Proxy-Request-ID</c> said; a client that gives its own may repeat it.</summary>
    public required string RequestId { get; init; }

    public string? ProjectId { get; init; }

    public string? TokenId { get; init; }

    /// <summary>As the provider file names it: <c>openai</c>, <c>anthropic</c>.</summary>
    public string? Provider { get; init; }

    /// <summary>
    /// What was done, in the words of OTel's <c>gen_ai.operation.name</c>: <c>chat</c>, <c>text_completion</c>,
    /// <c>embeddings</c>; null for what has no such word.
    /// </summary>
    public string? Operation { get; init; }

    public required string Method { get; init; }

    /// <summary>Decoded, without the query; what looks like a secret is hidden.</summary>
    public required string Path { get; init; }

    /// <summary>What the client was answered; 0 when it left before.</summary>
    public int Status { get; init; }

    /// <summary><c>served, refused, client_gone, truncated, timed_out, revoked</c>.</summary>
    public required string Outcome { get; init; }

    /// <summary>The code of the refusal, when the proxy itself ended the request.</summary>
    public string? Refusal { get; init; }

    /// <summary>What the refusal did not tell: <c>unknown, revoked, expired</c>…</summary>
    public string? Reason { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>When the request began to leave for the provider; null if it never did.</summary>
    public DateTimeOffset? SentAt { get; init; }

    /// <summary>When the first byte of the provider's body was there.</summary>
    public DateTimeOffset? FirstByteAt { get; init; }

    public required DateTimeOffset EndedAt { get; init; }

    /// <summary>From the start to the end, in milliseconds, by a clock that does not jump.</summary>
    public double DurationMs { get; init; }

    /// <summary>From the start to the first byte of the body.</summary>
    public double? TimeToFirstByteMs { get; init; }

    /// <summary>The answer is a stream of events.</summary>
    public bool Stream { get; init; }

    public string? RequestModel { get; init; }

    public string? ResponseModel { get; init; }

    public string? ServiceTier { get; init; }

    /// <summary>The <c>id</c> that the answer gives itself, where it was kept.</summary>
    public string? ResponseId { get; init; }

    /// <summary>Why the model stopped, one for each choice, where that was kept.</summary>
    public IReadOnlyList<string>? FinishReasons { get; init; }

    /// <summary><c>hit, miss, bypass, stale</c>…, as <c>X-PROXY-CACHE</c> said.</summary>
    public string? Cache { get; init; }

    /// <summary>Null when nobody can say what was used.</summary>
    public EventUsage? Usage { get; init; }

    /// <summary>What was wrong with the report of usage.</summary>
    public IReadOnlyList<string>? UsageFaults { get; init; }

    /// <summary>US dollars, decimal, as a string; null when unknown.</summary>
    public string? CostUsd { get; init; }

    /// <summary>By policy whole, cut to its network, or left out.</summary>
    public string? ClientIp { get; init; }

    /// <summary>The client left before the end.</summary>
    public bool Aborted { get; init; }

    /// <summary>The answer did not come whole.</summary>
    public bool Truncated { get; init; }

    public required EventMessage Request { get; init; }

    public required EventMessage Response { get; init; }
}

/// <summary>The tokens of an exchange, as <c>UsageReport</c> has them.</summary>
internal sealed record EventUsage
{
    /// <summary><c>reported</c> by the provider or <c>counted</c> by us.</summary>
    public required string Source { get; init; }

    /// <summary>All that went in: cached, cache-written and audio ones too.</summary>
    public long PromptTokens { get; init; }

    /// <summary>All that came out: reasoning and audio ones too.</summary>
    public long CompletionTokens { get; init; }

    public long TotalTokens { get; init; }

    public long CachedTokens { get; init; }

    public long CacheWrittenTokens { get; init; }

    public long ReasoningTokens { get; init; }

    public long AudioPromptTokens { get; init; }

    public long AudioCompletionTokens { get; init; }
}

/// <summary>One direction of an exchange.</summary>
internal sealed record EventMessage
{
    /// <summary>Bytes of the body on the wire.</summary>
    public long Bytes { get; init; }

    public string? ContentType { get; init; }

    /// <summary>Those of the allowlist, names in lower case; null when none was kept.</summary>
    public IReadOnlyDictionary<string, string>? Headers { get; init; }

    /// <summary>Null when bodies are not captured, or there was none.</summary>
    public EventBody? Body { get; init; }
}

/// <summary>A body as far as it was kept; exactly one of its three forms is there.</summary>
internal sealed record EventBody
{
    /// <summary>The body, or what a stream amounts to, as JSON.</summary>
    [JsonConverter(typeof(VerbatimJson))]
    public JsonElement? Json { get; init; }

    /// <summary>Text that is no JSON, or JSON that was cut.</summary>
    public string? Text { get; init; }

    /// <summary>What is no text.</summary>
    public string? Base64 { get; init; }

    /// <summary>Not all of it was kept.</summary>
    public bool Truncated { get; init; }

    /// <summary>A stream, put together to the object that the same request would get without streaming.</summary>
    public bool Assembled { get; init; }
}
