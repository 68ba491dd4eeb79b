using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using LlmProxy.Benchmarks.SideBySide;
using LlmProxy.Dispatching.Redis;
using LlmProxy.Events;
using LlmProxy.Events.Redis;
using LlmProxy.Storage;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;

namespace LlmProxy.Benchmarks.Events;

/// <summary>
/// How many events get from the bus through Redis, with an append-only file, to a dispatcher that acknowledges them and
/// does nothing else: once at a given rate, and once as fast as they go.
/// </summary>
internal static class EventFlow
{
    private const int BatchMax = 500;

    // Compiled as it will run, before it is measured.
    private const int WarmEvents = 100_000;

    private static readonly EventOptions Options = new(
        true, 16_384, 64 * 1024 * 1024, BodyPolicy.All, 65_536, 262_144, AddressPolicy.Network,
        new HeaderAllowlist([]), true, null);

    public static async Task<int> RunAsync(int perSecond, int seconds, CancellationToken aborted)
    {
        var folder = Directory.CreateTempSubdirectory("llm-proxy-flow-");
        try
        {
            await MeasureAsync(folder.FullName, perSecond, perSecond * seconds, aborted);
            await MeasureAsync(folder.FullName, double.PositiveInfinity, perSecond * seconds, aborted);
        }
        finally
        {
            folder.Delete(recursive: true);
        }

        return 0;
    }

    private static async Task MeasureAsync(string folder, double perSecond, int events, CancellationToken aborted)
    {
        var port = FreePort();
        await using var redis = ChildProcess.Start(
            "redis-server", ["--port", $"{port}", "--save", "", "--appendonly", "yes", "--dir", folder], folder);
        var address = RedisAddress.FromParts($"127.0.0.1:{port}", null, null, 0, hasTls: false)!;
        address.Options.ReconnectRetryPolicy = new LinearRetry(50);
        var stream = new EventStream(address, Path.GetRandomFileName());
        using var metrics = new EventMetrics();
        using var bus = new EventBus(Options, metrics, NullLogger<EventBus>.Instance);
        await using var sending = Link(address);
        using var publisher = new RedisPublisher(
            bus.Subscribe(RedisPublisher.Name, Options.BufferSize, Options.BufferBytes),
            new StreamTail(sending, stream, 100_000),
            Spool.Open(Path.Combine(folder, $"{port}.spool"), 1L << 30, TimeProvider.System, NullLogger.Instance),
            metrics, TimeProvider.System, NullLogger<RedisPublisher>.Instance);
        await using var reading = Link(address);
        var options = new StreamSourceOptions(
            stream, "bench", "bench", TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(10), 1_000);
        await using var source = new StreamSource(
            new StreamGroup(reading, options, TimeProvider.System),
            new StreamMeasure(reading, stream, TimeProvider.System), options, TimeProvider.System,
            NullLogger<StreamSource>.Instance);

        await publisher.StartAsync(aborted);
        await bus.StartAsync(aborted);
        await PassAsync(bus, source, WarmEvents, double.PositiveInfinity, aborted);
        var (ours, theirs) = (Environment.CpuUsage.TotalTime, redis.CpuTime);
        var (time, behindMax) = await PassAsync(bus, source, events, perSecond, aborted);
        (ours, theirs) = (Environment.CpuUsage.TotalTime - ours, redis.CpuTime - theirs);
        await bus.StopAsync(aborted);
        await publisher.StopAsync(aborted);

        await Console.Out.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"{events:N0} events of {EventJson.Write(Draft()).Length:N0} bytes, {Rate(perSecond)}: "
            + $"{events / time.TotalSeconds:N0} a second acknowledged, at most {behindMax:N0} on their way; "
            + $"CPU an event {ours.TotalMicroseconds / events:0.0} µs "
            + $"for bus, sender and reader together, {theirs.TotalMicroseconds / events:0.0} µs for Redis"));
    }

    private static async Task<(TimeSpan Time, long BehindMax)> PassAsync(
        EventBus bus, StreamSource source, int events, double perSecond, CancellationToken aborted)
    {
        var start = Stopwatch.GetTimestamp();
        var published = 0L;
        var sending = Task.Run(
            async () =>
            {
                while (Volatile.Read(ref published) < events)
                {
                    var due = Math.Min(events, perSecond * Stopwatch.GetElapsedTime(start).TotalSeconds);
                    while (Volatile.Read(ref published) < due && bus.TryPublish(Draft))
                    {
                        Interlocked.Increment(ref published);
                    }

                    await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, aborted);
                }
            },
            aborted);

        var (done, behindMax) = (0, 0L);
        while (done < events)
        {
            var taken = await source.TakeAsync(BatchMax, TimeSpan.FromSeconds(5), aborted);
            await source.AcknowledgeAsync(taken, aborted);
            done += taken.Count;
            behindMax = Math.Max(behindMax, Volatile.Read(ref published) - done);
        }

        await sending;
        return (Stopwatch.GetElapsedTime(start), behindMax);
    }

    private static ExchangeEvent Draft()
    {
        var now = TimeProvider.System.GetUtcNow();
        return new ExchangeEvent
        {
            EventId = Guid.CreateVersion7(now).ToString(),
            RequestId = Guid.CreateVersion7(now).ToString(),
            Method = "POST",
            Path = "/v1/chat/completions",
            Status = 200,
            Outcome = "served",
            StartedAt = now,
            EndedAt = now,
            Request = new EventMessage { Bytes = 600, Body = new EventBody { Text = new string('x', 400) } },
            Response = new EventMessage { Bytes = 300, Body = new EventBody { Text = new string('y', 200) } },
        };
    }

    private static StreamLink Link(RedisAddress address) =>
        new(address, "nothing", TimeProvider.System, NullLogger<StreamLink>.Instance)
        {
            TryPause = TimeSpan.FromMilliseconds(50),
        };

    private static string Rate(double perSecond) => double.IsPositiveInfinity(perSecond)
        ? "as fast as they go"
        : string.Create(CultureInfo.InvariantCulture, $"{perSecond:N0} a second");

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
