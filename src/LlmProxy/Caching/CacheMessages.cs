using System.Text.Json;
using System.Text.Json.Serialization;

namespace LlmProxy.Caching;

/// <summary>Which answers to forget. What is absent or null chooses all, but something must be named.</summary>
internal sealed record PurgeCache
{
    /// <summary>Answers to this project only.</summary>
    /// <example>0199c0de-7a1b-7c3d-8e4f-5a6b7c8d9e0f</example>
    public Guid? ProjectId { get; init; }

    /// <summary>Answers of this provider only.</summary>
    /// <example>openai</example>
    public string? Provider { get; init; }

    /// <summary>Answers of this endpoint only: the whole path behind the provider's name, without a query.</summary>
    /// <example>/v1/models</example>
    public string? Endpoint { get; init; }

    /// <summary>Answers of this model only.</summary>
    /// <example>gpt-4o</example>
    public string? Model { get; init; }

    /// <summary>
    /// Answers to one request: its path and query as clients send them. Without `project_id`, everything that is stored
    /// of that endpoint. Stands for `provider` and `endpoint`.
    /// </summary>
    /// <example>/v1/models?limit=2</example>
    public string? Url { get; init; }

    /// <summary>The method of the request at `url`; GET, which stands for HEAD too, when it is absent.</summary>
    /// <example>GET</example>
    public string? Method { get; init; }

    /// <summary>
    /// The body of the POST to `url`, byte by byte as it was sent: as a string, or as the JSON object itself.
    /// </summary>
    public JsonElement? Body { get; set; }

    /// <summary>True: everything. Stands alone.</summary>
    public bool All { get; init; }
}

/// <summary>What was forgotten.</summary>
internal sealed record PurgedCache
{
    /// <summary>How many answers.</summary>
    /// <example>3</example>
    public required long Deleted { get; init; }
}

/// <summary>What the cache of this instance holds, and what it did since it was started.</summary>
internal sealed record CacheStats
{
    /// <summary>`memory`, or `redis` with memory before it.</summary>
    /// <example>memory</example>
    public required string Backend { get; init; }

    /// <summary>Whether Redis answers; null when it is not used.</summary>
    public required bool? RedisIsUp { get; init; }

    /// <summary>Answers in memory.</summary>
    /// <example>120</example>
    public required long Entries { get; init; }

    /// <summary>What these take.</summary>
    /// <example>400000</example>
    public required long Bytes { get; init; }

    /// <summary>What they may take.</summary>
    /// <example>67108864</example>
    public required long BytesMax { get; init; }

    /// <summary>Answers that made room for others.</summary>
    public required long Evicted { get; init; }

    /// <summary>All requests together.</summary>
    public required CacheUse Total { get; init; }

    /// <summary>By provider and endpoint; those for which nothing was asked are left out.</summary>
    public required IReadOnlyList<EndpointCacheUse> Endpoints { get; init; }
}

/// <summary>What became of requests.</summary>
/// <param name="Hits">Answered with what was stored.</param>
/// <param name="Stale">Answered with what was stale: while it was validated, or in place of an error.</param>
/// <param name="Collapsed">Answered with the answer to an equal request that was under way.</param>
/// <param name="Misses">Sent to the provider, because nothing was stored.</param>
/// <param name="Validated">Sent to the provider, who said that what is stored is good still.</param>
/// <param name="Bypassed">Sent to the provider, because the cache was not to be asked.</param>
/// <param name="Stored">Answers that were stored.</param>
internal sealed record CacheUse(
    long Hits, long Stale, long Collapsed, long Misses, long Validated, long Bypassed, long Stored)
{
    public static CacheUse Of(in CacheCounts counts) => new(
        counts.Hits, counts.Stale, counts.Collapsed, counts.Misses, counts.Validated, counts.Bypassed, counts.Stored);
}

/// <summary>What became of the requests for an endpoint.</summary>
/// <param name="Provider">The provider.</param>
/// <param name="Endpoint">The pattern of the provider file that the requests met; `other` for none.</param>
/// <param name="Use">What became of them.</param>
internal sealed record EndpointCacheUse(string Provider, string Endpoint, CacheUse Use);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    NumberHandling = JsonNumberHandling.Strict,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true)]
[JsonSerializable(typeof(PurgeCache))]
[JsonSerializable(typeof(PurgedCache))]
[JsonSerializable(typeof(CacheStats))]
internal sealed partial class CacheJson : JsonSerializerContext;
