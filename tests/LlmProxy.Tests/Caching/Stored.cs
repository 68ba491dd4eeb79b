using System.Buffers.Binary;
using LlmProxy.Caching;

namespace LlmProxy.Tests.Caching;

/// <summary>Answers and keys as tests need them.</summary>
internal static class Stored
{
    public static Guid Project(int number) => new(number, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0]);

    public static CacheKey Key(int project, int number) => CacheKey.Of(
        Project(project), "openai", "POST", "/v1/embeddings", string.Empty, DigestOf(number));

    /// <summary>An answer that says in its endpoint whose it is.</summary>
    public static StoredResponse Answer(string endpoint, int bodyBytes, int variant = -1, string? model = null) => new()
    {
        Status = 200,
        Fields = [new HeaderField("Content-Type", "application/json")],
        Body = new byte[bodyBytes],
        ReceivedAt = 0,
        InitialAge = 0,
        Lifetime = 60_000,
        VaryNames = variant < 0 ? [] : ["accept-language"],
        VaryDigest = variant < 0 ? default : DigestOf(variant),
        Endpoint = endpoint,
        Model = model,
    };

    /// <summary>A store whose garbage is taken away at once.</summary>
    public static MemoryStore Store(long bytesMax) => new(bytesMax, Swept());

    private static Garbage Swept() => new(
        64 * 1024, static () => new FullCollections(0, 1), static () => { }, new HurriedClock());

    private static Digest DigestOf(int number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(bytes, number);
        return Digest.Of(bytes);
    }

    /// <summary>A minute passes between any two looks.</summary>
    private sealed class HurriedClock : TimeProvider
    {
        private long _minutes;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => 60 * Interlocked.Increment(ref _minutes);
    }
}
