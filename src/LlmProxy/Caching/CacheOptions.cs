using LlmProxy.Http;
using LlmProxy.Secrets;
using LlmProxy.Settings;

namespace LlmProxy.Caching;

/// <summary>Where answers are kept.</summary>
internal enum CacheBackend
{
    Memory,
    Redis,
}

/// <summary>How answers are cached.</summary>
/// <param name="IsOn">Off: no answer is kept, and no header says anything about it.</param>
/// <param name="Backend">Memory alone, or Redis with memory before it.</param>
/// <param name="BytesMax">What the answers in memory may take.</param>
/// <param name="ObjectBytesMax">A longer body is not stored.</param>
/// <param name="DefaultTtl">
/// How long an answer is fresh that says nothing itself, at the endpoints that the provider's file lists; zero: not.
/// </param>
/// <param name="StreamsAreStored">Whether event streams are stored at all.</param>
/// <param name="TargetedFields">
/// Response fields that take the place of Cache-Control, the first that is there (RFC 9213 §2.2).
/// </param>
/// <param name="ServesStaleOnError">Whether a stale answer stands in when the provider cannot be reached.</param>
/// <param name="HeuristicPercent">
/// For which part of the time since its Last-Modified an answer is fresh that does not say so itself; 0: none is.
/// </param>
/// <param name="RedisUrl">Where Redis is; may hold a password.</param>
/// <param name="RedisKeyPrefix">What every key of ours begins with.</param>
internal sealed record CacheOptions(
    bool IsOn,
    CacheBackend Backend,
    long BytesMax,
    int ObjectBytesMax,
    TimeSpan DefaultTtl,
    bool StreamsAreStored,
    IReadOnlyList<string> TargetedFields,
    bool ServesStaleOnError,
    int HeuristicPercent,
    Secret RedisUrl,
    string RedisKeyPrefix)
{
    private const int MiB = 1024 * 1024;
    private const string RedisUrlDefault = "redis://localhost:6379/0";

    public static CacheOptions Read(SettingsReader settings) => new(
        settings.Switch("HTTP_CACHE_ENABLED", true,
            "Whether answers are cached that may be (RFC 9111), each project's apart from all others'."),
        settings.Choice("HTTP_CACHE_BACKEND", "memory", ["memory", "in-memory", "redis"],
            "Where answers are kept: memory, or redis with memory before it.") == "redis"
            ? CacheBackend.Redis
            : CacheBackend.Memory,
        settings.Number("HTTP_CACHE_MAX_BYTES", 64 * MiB, MiB, 1L << 40,
            "Memory that cached answers may take; the least used ones make room."),
        (int)settings.Number("HTTP_CACHE_MAX_OBJECT_BYTES", MiB, 1, 512 * MiB,
            "The longest body that is stored."),
        TimeSpan.FromSeconds(settings.Number("HTTP_CACHE_DEFAULT_TTL", 300, 0, 31_536_000,
            "Seconds for which an answer is fresh that does not say so itself, at the endpoints that a provider lists "
            + "under cache.default_ttl_endpoints; 0 is not at all.")),
        settings.Switch("HTTP_CACHE_STREAM_RESPONSES", true,
            "Whether streams are stored, when they ended as they should, and replayed."),
        settings.Parsed<string[]>("HTTP_CACHE_TARGETED_FIELDS", string.Empty, ReadFields,
            "a list of header names such as CDN-Cache-Control",
            "Response fields that override Cache-Control for this cache (RFC 9213), the first one that is there."),
        settings.Switch("HTTP_CACHE_SERVE_STALE_ON_ERROR", true,
            "Whether a stale answer is served when the provider cannot be reached and no directive forbids it."),
        (int)settings.Number("HTTP_CACHE_HEURISTIC_PERCENT", 0, 0, 100,
            "Where nobody says how long an answer is fresh: this part of the time since its Last-Modified, a day at "
            + "most (RFC 9111 section 4.2.2); 0 is not at all."),
        new Secret(settings.Text("REDIS_CACHE_URL", RedisUrlDefault,
            "Redis of the cache: redis://user:password@host:port/db, rediss:// with TLS.")),
        settings.Text("REDIS_CACHE_KEY_PREFIX", "llmproxy:cache:",
            "What the cache's keys in Redis begin with."));

    private static string[]? ReadFields(string text)
    {
        var names = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return names.All(static name => HeaderName.IsValid(name)) ? names : null;
    }
}
