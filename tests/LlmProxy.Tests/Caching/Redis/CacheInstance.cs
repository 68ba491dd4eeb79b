using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using LlmProxy.Caching;
using LlmProxy.Caching.Redis;
using LlmProxy.Secrets;
using LlmProxy.Storage;
using Microsoft.Extensions.Logging;
using Xunit;

namespace LlmProxy.Tests.Caching.Redis;

/// <summary>One instance's way to the cache. Answers may take long unless a test is about that.</summary>
internal sealed class CacheInstance : IAsyncDisposable
{
    public const string Prefix = "test[1]:*:";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<string, long> _faults = new(StringComparer.Ordinal);
    private readonly RedisMetrics _metrics = new();
    private readonly RedisPulse _pulse;

    private CacheInstance(string url, byte[] key, byte[]? previous, TimeProvider time, TimeSpan? bound)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Scope == _metrics)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((_, count, tags, _) =>
            _faults.AddOrUpdate((string)tags[0].Value!, count, (_, before) => before + count));
        _listener.Start();
        var address = RedisAddress.Read(new Secret(url), "REDIS_CACHE_URL");
        var seal = new EntrySeal(Given.MasterKey(key, previous), Prefix);
        Link = new RedisLink(address, _metrics, time, Log)
        {
            AnswerBound = bound ?? Patience,
        };
        Near = new NearStore(Memory, time);
        var far = new FarStore(Link, seal, _metrics, Prefix, 1024 * 1024);
        var purge = new FarPurge(Link, seal, far, _metrics);
        Store = new RedisStore(Near, far, purge, Link, _metrics, new CacheClock(TimeProvider.System));
        _pulse = new RedisPulse(Link, Near, far, Store, _metrics, time)
        {
            Pause = TimeSpan.FromMilliseconds(100),
        };
    }

    public static byte[] MasterKey { get; } = RandomNumberGenerator.GetBytes(SecretsOptions.KeyBytes);

    public RedisStore Store { get; }

    public RedisLink Link { get; }

    public NearStore Near { get; }

    public PlainStore Memory { get; } = new();

    public LogLines Log { get; } = new();

    /// <summary>An instance that is connected and trusts its memory.</summary>
    public static async Task<CacheInstance> StartAsync(
        RedisServer server, byte[]? key = null, byte[]? previous = null, TimeProvider? time = null,
        TimeSpan? bound = null)
    {
        var instance = await StartAsync(server.Url, key, previous, time, bound);
        await Eventually.HoldsAsync(() => instance.Near.IsTrusted);
        return instance;
    }

    public static async Task<CacheInstance> StartAsync(
        string url, byte[]? key = null, byte[]? previous = null, TimeProvider? time = null, TimeSpan? bound = null)
    {
        var instance = new CacheInstance(url, key ?? MasterKey, previous, time ?? TimeProvider.System, bound);
        await instance._pulse.StartAsync(TestContext.Current.CancellationToken);
        return instance;
    }

    public long Faults(string fault) => _faults.GetValueOrDefault(fault);

    public async Task<bool> FindsAsync(CacheKey key) => await Store.FindAsync(key) is { Count: > 0 };

    /// <summary>Puts answers, and waits until Redis has them all, not only the memory.</summary>
    public async Task PutAsync(CacheKey key, params StoredResponse[] responses)
    {
        foreach (var response in responses)
        {
            Assert.True(await Store.PutAsync(key, response));
        }

        await Eventually.HoldsAsync(async () =>
        {
            await Memory.RemoveAsync(key);
            return (await Store.FindAsync(key)).Count == responses.Length;
        });
    }

    public async ValueTask DisposeAsync()
    {
        await _pulse.StopAsync(CancellationToken.None);
        _pulse.Dispose();
        await Link.DisposeAsync();
        _listener.Dispose();
        _metrics.Dispose();
    }
}

/// <summary>What the link said.</summary>
internal sealed class LogLines : ILogger<RedisLink>
{
    private readonly ConcurrentQueue<string> _lines = new();

    public IReadOnlyCollection<string> All => _lines;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception,
        Func<TState, Exception?, string> formatter) => _lines.Enqueue(formatter(state, exception));
}
