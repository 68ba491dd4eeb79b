using System.Buffers.Binary;
using BenchmarkDotNet.Attributes;
using LlmProxy.Caching;

namespace LlmProxy.Benchmarks.Micro;

/// <summary>The cache's memory store with 64 MiB, full of answers of 2 KiB.</summary>
public class MemoryStoreBenchmarks
{
    private const int Keys = 100_000;

    private readonly MemoryStore _store = new(64 << 20, TimeProvider.System);
    private readonly CacheKey[] _keys = new CacheKey[Keys];
    private readonly CacheKey _unknown = KeyOf(-1);
    private readonly StoredResponse _response = new()
    {
        Status = 200,
        Fields = [new HeaderField("Content-Type", "application/json"), new HeaderField("ETag", "\"0123456789\"")],
        Body = new byte[2_048],
        ReceivedAt = 0,
        InitialAge = 0,
        Lifetime = 300_000,
        VaryNames = [],
        VaryDigest = default,
        Endpoint = "/v1/embeddings",
    };

    private CacheKey _known;
    private int _next;

    [GlobalSetup]
    public async Task FillAsync()
    {
        for (var i = 0; i < Keys; i++)
        {
            _keys[i] = KeyOf(i);
            await _store.PutAsync(_keys[i], _response);
        }

        _known = KeyOf(Keys);
        await _store.PutAsync(_known, _response);
    }

#pragma warning disable CA2012 // Both are complete when they return; awaiting them is not what is measured.
    [Benchmark(Baseline = true)]
    public bool Find_what_is_there() => _store.FindAsync(_known).IsCompletedSuccessfully;

    [Benchmark]
    public bool Find_nothing() => _store.FindAsync(_unknown).IsCompletedSuccessfully;
#pragma warning restore CA2012

    [Benchmark]
    public ValueTask<bool> Replace() => _store.PutAsync(_known, _response);

    /// <summary>Four times as many keys as fit, in turn: each put is a new key for which another makes room.</summary>
    [Benchmark]
    public ValueTask<bool> Put_and_evict()
    {
        _next = (_next + 1) % Keys;
        return _store.PutAsync(_keys[_next], _response);
    }

    private static CacheKey KeyOf(int number)
    {
        Span<byte> body = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(body, number);
        return CacheKey.Of(default, "openai", "POST", "/v1/embeddings", string.Empty, Digest.Of(body));
    }
}
