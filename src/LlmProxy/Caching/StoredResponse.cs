namespace LlmProxy.Caching;

/// <summary>
/// An answer as it is kept, with what its head says about reusing it. Never changes: what is learned from a validation
/// makes another one. Times are milliseconds of the <see cref="CacheClock"/>.
/// </summary>
internal sealed record StoredResponse
{
    public required int Status { get; init; }

    /// <summary>
    /// The head as it came, less what must not be stored (RFC 9111 §3.1) and less <c>Age</c>, which is
    /// <see cref="InitialAge"/>.
    /// </summary>
    public required IReadOnlyList<HeaderField> Fields { get; init; }

    /// <summary>The body's bytes as they came, content coding included.</summary>
    public required ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>When it, or its last validation, was received.</summary>
    public required long ReceivedAt { get; init; }

    /// <summary>How old it was when it was received: the corrected initial age of RFC 9111 §4.2.3.</summary>
    public required long InitialAge { get; init; }

    /// <summary>The freshness lifetime (RFC 9111 §4.2.1); 0 when it was stale from the start.</summary>
    public required long Lifetime { get; init; }

    /// <summary>
    /// The names that <c>Vary</c> lists, in lower case, sorted, each once; without those that are the same for all of a
    /// project (its credential).
    /// </summary>
    public required IReadOnlyList<string> VaryNames { get; init; }

    /// <summary>What the request had in the fields of <see cref="VaryNames"/>.</summary>
    public required Digest VaryDigest { get; init; }

    /// <summary>The decoded path behind the provider's name: what a purge by endpoint looks at.</summary>
    public required string Endpoint { get; init; }

    /// <summary>The model that was asked for, where the request or the answer names one.</summary>
    public string? Model { get; init; }

    /// <summary>It must be validated before each use (<c>no-cache</c>).</summary>
    public bool MustBeValidated { get; init; }

    /// <summary>
    /// It must not be used when stale, whatever happens (<c>must-revalidate</c>, <c>proxy-revalidate</c>,
    /// <c>s-maxage</c>).
    /// </summary>
    public bool MustNotBeStale { get; init; }

    /// <summary>How long it may be used while it is validated in the background (RFC 5861 §3).</summary>
    public long StaleWhileRevalidate { get; init; }

    /// <summary>
    /// How long after it became stale it may stand in for an error (RFC 5861 §4); null when it says nothing.
    /// </summary>
    public long? StaleIfError { get; init; }

    /// <summary>Its strong or weak entity tag as it came.</summary>
    public string? ETag { get; init; }

    /// <summary>Its <c>Last-Modified</c> as it came.</summary>
    public string? LastModified { get; init; }

    /// <summary>It is an event stream that ended with its terminal event.</summary>
    public bool IsStream { get; init; }

    public bool CanBeValidated => ETag is not null || LastModified is not null;

    /// <summary>Its age now (RFC 9111 §4.2.3), never negative.</summary>
    public long AgeAt(long now) => InitialAge + Math.Max(0, now - ReceivedAt);

    /// <summary>How long it is fresh yet; negative when stale.</summary>
    public long FreshFor(long now) => Lifetime - AgeAt(now);

    /// <summary>The same with a body.</summary>
    public StoredResponse WithBody(ReadOnlyMemory<byte> body) => this with { Body = body };
}
