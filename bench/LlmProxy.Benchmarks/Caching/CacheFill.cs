using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using LlmProxy.Caching;
using Microsoft.Extensions.Primitives;

namespace LlmProxy.Benchmarks.Caching;

/// <summary>
/// Puts distinct answers into the memory store as fast as one thread can, while a small set stays in use, and samples
/// what the process takes. Resident memory at rest is taken after as many answers were made and dropped.
/// </summary>
internal static class CacheFill
{
    private const int MiB = 1024 * 1024;
    private const int UsedKeys = 1_000;
    private const int SampledEvery = 256;

    private static readonly string[] Names =
    [
        "Date", "Content-Type", "Cache-Control", "ETag", "Server", "X-Request-Id", "Openai-Organization",
        "Openai-Processing-Ms", "Openai-Version", "CF-Ray", "Strict-Transport-Security", "Alt-Svc",
    ];

    // Different runs do the same.
    private static ulong _state;

    public static async Task RunAsync(int limitMebibytes, int answers, int bodyBytesMax, double perSecond)
    {
        _state = 42;
        var before = await RestAsync(answers / 10, bodyBytesMax);
        _state = 42;
        var store = new MemoryStore((long)limitMebibytes * MiB, TimeProvider.System);
        var project = Guid.CreateVersion7();
        var (peak, kept, found, asked) = (before, 0, 0, 0);
        var peakLive = 0L;
        var cpuBefore = Environment.CpuUsage.TotalTime;
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < answers; i++)
        {
            kept += await store.PutAsync(KeyOf(project, i), Make(bodyBytesMax)) ? 1 : 0;
            if (i % 4 == 0)
            {
                // What is in use was put first; what of it was evicted comes again.
                var used = KeyOf(project, (int)(Next() % UsedKeys));
                asked++;
                found += (await store.FindAsync(used)).Count;
            }

            if (i % SampledEvery == 0)
            {
                peak = Math.Max(peak, Environment.WorkingSet);
                peakLive = Math.Max(peakLive, store.Size.Bytes);
                await PaceAsync(start, i, perSecond);
            }
        }

        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        var cpu = (Environment.CpuUsage.TotalTime - cpuBefore).TotalSeconds;
        var size = store.Size;
        await Console.Out.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"limit {limitMebibytes} MiB, {answers:N0} answers of up to {bodyBytesMax:N0} bytes in {seconds:0.0} s: "
            + $"{(double)before / MiB:0.0} MiB before, peak {(double)peak / MiB:0.0}, grown by "
            + $"{(double)(peak - before) / MiB:0.0} "
            + $"({100.0 * (peak - before) / MiB / limitMebibytes:0} % of the limit); "
            + $"{(double)kept / answers:P0} kept, {(double)found / asked:P0} of the used found; "
            + $"at most {(double)peakLive / MiB:0.0} MiB counted, {size.Entries:N0} entries, "
            + $"{size.Evicted:N0} evicted; "
            + $"{cpu * 1e6 / answers:0.0} µs CPU a put, full collections {GC.CollectionCount(2)}"));
    }

    /// <summary>
    /// What answers are made of must not be counted as the cache's: so many are made and dropped first.
    /// </summary>
    private static async Task<long> RestAsync(int answers, int bodyBytesMax)
    {
        var small = new MemoryStore(MiB, TimeProvider.System);
        var project = Guid.CreateVersion7();
        for (var i = 0; i < answers; i++)
        {
            await small.PutAsync(KeyOf(project, i), Make(bodyBytesMax));
        }

        return Environment.WorkingSet;
    }

    private static async Task PaceAsync(long start, int done, double perSecond)
    {
        var ahead = (done / perSecond) - Stopwatch.GetElapsedTime(start).TotalSeconds;
        if (ahead > 0.001)
        {
            await Task.Delay(TimeSpan.FromSeconds(ahead), TimeProvider.System);
        }
    }

    private static CacheKey KeyOf(Guid project, int number)
    {
        Span<byte> body = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(body, number);
        return CacheKey.Of(project, "openai", "POST", "/v1/embeddings", string.Empty, Digest.Of(body));
    }

    private static StoredResponse Make(int bodyBytesMax)
    {
        var fields = new HeaderField[Names.Length];
        for (var i = 0; i < fields.Length; i++)
        {
            fields[i] = new HeaderField(Names[i], new StringValues(new string('v', 8 + (int)(Next() % 32))));
        }

        // From 512 bytes on, each order of size as often as any other.
        var bytes = (int)(512 * Math.Pow(bodyBytesMax / 512.0, Next() % 1_000 / 1_000.0));
        return new StoredResponse
        {
            Status = 200,
            Fields = fields,
            Body = new byte[bytes],
            ReceivedAt = 0,
            InitialAge = 0,
            Lifetime = 300_000,
            VaryNames = [],
            VaryDigest = default,
            Endpoint = new string('e', 14),
            Model = new string('m', 22),
        };
    }

    private static ulong Next()
    {
        _state ^= _state << 13;
        _state ^= _state >> 7;
        _state ^= _state << 17;
        return _state;
    }
}
