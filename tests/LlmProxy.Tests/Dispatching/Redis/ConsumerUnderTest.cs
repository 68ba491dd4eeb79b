using LlmProxy.Dispatching;
using LlmProxy.Dispatching.Redis;
using LlmProxy.Events.Redis;
using LlmProxy.Tests.Events.Redis;
using StackExchange.Redis;
using Xunit;

namespace LlmProxy.Tests.Dispatching.Redis;

/// <summary>One dispatcher's way to the stream, and what it says.</summary>
internal sealed class ConsumerUnderTest : IAsyncDisposable
{
    public ConsumerUnderTest(
        BusRedis redis, string consumer = "one", string group = "test-group", TimeSpan? claimAfter = null,
        TimeProvider? time = null)
    {
        var clock = time ?? TimeProvider.System;
        var stream = redis.Stream();
        Options = new StreamSourceOptions(
            stream, group, consumer, TimeSpan.FromSeconds(30), claimAfter ?? TimeSpan.FromMinutes(1), 100);
        Link = new StreamLink(stream.Address, "nothing is delivered", clock, LinkLog)
        {
            TryPause = TimeSpan.FromMilliseconds(50),
        };
        Measure = new StreamMeasure(Link, stream, clock);
        Source = new StreamSource(new StreamGroup(Link, Options, clock), Measure, Options, clock, Log)
        {
            ClaimPause = TimeSpan.FromMilliseconds(20),
        };
    }

    private static CancellationToken Aborted => TestContext.Current.CancellationToken;

    public StreamSourceOptions Options { get; }

    public StreamLink Link { get; }

    public StreamMeasure Measure { get; }

    public StreamSource Source { get; }

    public LogLines<StreamLink> LinkLog { get; } = new();

    public LogLines<StreamSource> Log { get; } = new();

    public Task<IReadOnlyList<Delivery>> TakeAsync(int max = 100, double seconds = 10) =>
        Source.TakeAsync(max, TimeSpan.FromSeconds(seconds), Aborted);

    /// <summary>What is there now, without waiting.</summary>
    public Task<IReadOnlyList<Delivery>> PeekAsync(int max = 100) => TakeAsync(max, 0);

    public async Task<IReadOnlyList<Delivery>> TakeAllAsync()
    {
        List<Delivery> all = [];
        while (await PeekAsync(1_000) is { Count: > 0 } some)
        {
            all.AddRange(some);
        }

        return all;
    }

    public async Task<Backlog> MeasureAsync() => (await Source.MeasureAsync(Aborted))!.Value;

    public static IEnumerable<string> IdsOf(IEnumerable<Delivery> deliveries) =>
        deliveries.Select(static delivery => delivery.Record.Id);

    /// <summary>As if the process were killed: nothing is given back.</summary>
    public ValueTask KillAsync() => Link.DisposeAsync();

    public async ValueTask DisposeAsync()
    {
        await Source.DisposeAsync();
        await Link.DisposeAsync();
    }
}

/// <summary>What tests do to the stream.</summary>
internal static class StreamOfTests
{
    public static async Task AddAsync(this BusRedis redis, int from, int count)
    {
        for (var number = from; number < from + count; number++)
        {
            await redis.AddAsync(number);
        }
    }

    public static Task<RedisValue> AddAsync(this BusRedis redis, int number, params NameValueEntry[] more)
    {
        var record = Events.Redis.Given.Event(number);
        return redis.Database.StreamAddAsync(
            redis.Stream().Name, [new("id", record.Id), new("data", record.Json), .. more]);
    }

    public static Task<long> TrimAsync(this BusRedis redis, int length) =>
        redis.Database.StreamTrimAsync(redis.Stream().Name, length);

    public static async Task<int> PendingAsync(this BusRedis redis, string group = "test-group") =>
        (await redis.Database.StreamPendingAsync(redis.Stream().Name, group)).PendingMessageCount;
}
