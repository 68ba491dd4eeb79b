using System.Buffers;
using System.Security.Cryptography;
using LlmProxy.Caching;
using LlmProxy.Providers;
using LlmProxy.Usage.Counting;

namespace LlmProxy.Proxying;

/// <summary>What the cache knows of one exchange, from the request's head until its answer is stored.</summary>
internal sealed class CacheCase(RequestDirectives directives)
{
    // A longer body is not worth holding for a hash, and one of unknown length may become that long.
    private const long HashedBytesMax = 1024 * 1024;

    /// <summary>What the request asks of caches.</summary>
    public RequestDirectives Directives => directives;

    /// <summary>Set as soon as it is known; for a POST that is after its body was read.</summary>
    public CacheKey Key { get; set; }

    /// <summary>The path behind the provider's name, decoded.</summary>
    public required string Endpoint { get; init; }

    /// <summary>Whether an equal request of the same project may have been answered already.</summary>
    public bool MayLookUp { get; set; }

    /// <summary>Whether the answer may be kept, should it allow that.</summary>
    public bool MayStore { get; init; }

    /// <summary>Whether others may wait for the answer, or it for another one's.</summary>
    public bool MayCollapse { get; init; }

    /// <summary>How long an answer is fresh that says nothing itself.</summary>
    public TimeSpan? AssignedLifetime { get; set; }

    /// <summary>Of a POST: the client has asked for a cached answer itself.</summary>
    public bool IsAskedFor { get; init; }

    /// <summary>Of a POST: what the provider's file says of such requests; the first that fits counts.</summary>
    public IReadOnlyList<CachePostRule> Rules { get; init; } = [];

    /// <summary>Whether the request's body makes it the one it is.</summary>
    public bool NeedsBody { get; init; }

    /// <summary>The model that a body names which was read.</summary>
    public string? Model { get; private set; }

    /// <summary>Of a body that was read.</summary>
    public Digest? BodyDigest { get; private set; }

    /// <summary>Why the provider is asked.</summary>
    public Forward Forward { get; set; }

    /// <summary>A stored answer that must be validated, or may stand in for an error.</summary>
    public StoredResponse? Stored { get; set; }

    /// <summary>The call to the provider, while this exchange is the one that makes it.</summary>
    public Flight? Flight { get; set; }

    /// <summary>When the request was sent. Milliseconds of the <see cref="CacheClock"/>.</summary>
    public long RequestedAt { get; set; }

    /// <summary>Whether the request asks the provider whether <see cref="Stored"/> is still good.</summary>
    public bool Validates => Stored is { CanBeValidated: true } && Flight is not null;

    /// <summary>Of requests that neither look up nor store, whoever sends them. Must not be written to.</summary>
    public static CacheCase Bypassing(Forward reason) =>
        new(RequestDirectives.None) { Endpoint = string.Empty, Forward = reason };

    public static bool CanHash(HttpRequest request) => request.ContentLength is > 0 and <= HashedBytesMax;

    /// <summary>Looks at the whole body: whether the rule wants it, and what it is.</summary>
    public void SeeBody(Exchange exchange, in ReadOnlySequence<byte> body)
    {
        if (!IsAskedFor)
        {
            if (RuleFor(body) is not { } rule)
            {
                return;
            }

            AssignedLifetime = rule.Ttl;
        }

        Model = RequestFacts.Read(exchange.Operation, exchange.Http.Request.ContentType, body).Model;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var piece in body)
        {
            hash.AppendData(piece.Span);
        }

        Span<byte> digest = stackalloc byte[Caching.Digest.Length];
        hash.GetHashAndReset(digest);
        BodyDigest = Caching.Digest.Read(digest);
    }

    private CachePostRule? RuleFor(in ReadOnlySequence<byte> body)
    {
        foreach (var rule in Rules)
        {
            if (rule.Matches(Endpoint) && rule.AllowsBody(body))
            {
                return rule;
            }
        }

        return null;
    }
}
