using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using LlmProxy.Events;
using LlmProxy.Events.Redis;
using LlmProxy.Tests.Caching.Redis;
using Xunit;

namespace LlmProxy.Tests.Events.Redis;

/// <summary>A sender of events, what it is given, and what it says of itself.</summary>
internal sealed class PublisherUnderTest : IAsyncDisposable
{
    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<string, long> _counts = new(StringComparer.Ordinal);
    private readonly EventMetrics _metrics = new();
    private readonly EventSubscription _queue;
    private readonly RedisPublisher _publisher;
    private readonly StreamLink _link;
    private long _number;

    private PublisherUnderTest(EventStream stream, SpoolFile file, PublisherSetup setup)
    {
        Listen();
        _queue = new EventSubscription(
            RedisPublisher.Name, setup.QueueEvents, 64 * 1_024 * 1_024, _metrics, static _ => { });
        _link = new StreamLink(stream.Address, "events wait", setup.Time, LinkLog)
        {
            TryPause = TimeSpan.FromMilliseconds(50),
            AnswerBound = setup.AnswerBound,
        };
        _publisher = new RedisPublisher(
            _queue, new StreamTail(_link, stream, setup.LengthMax), file.Open(setup.SpoolBytes), _metrics, setup.Time,
            Log)
        {
            StopBound = setup.StopBound,
        };
    }

    public LogLines<StreamLink> LinkLog { get; } = new();

    public LogLines<RedisPublisher> Log { get; } = new();

    /// <summary>Events that Redis has said to have.</summary>
    public long Sent => Count("llm_proxy.events.redis.sent");

    public long Spooled => Count("llm_proxy.events.spool.written");

    public long Replayed => Count("llm_proxy.events.spool.replayed");

    /// <summary>Events that it has not taken yet.</summary>
    public int Queued => _queue.Count;

    public bool IsUp => _link.IsUp;

    public static async Task<PublisherUnderTest> StartAsync(
        EventStream stream, SpoolFile file, PublisherSetup? setup = null)
    {
        var publisher = new PublisherUnderTest(stream, file, setup ?? new PublisherSetup());
        await publisher._publisher.StartAsync(TestContext.Current.CancellationToken);
        return publisher;
    }

    public long Dropped(string where) => Count($"llm_proxy.events.dropped {where}");

    /// <summary>Publishes the next events.</summary>
    public void Publish(int count, int bytes = 100)
    {
        for (; count > 0; count--)
        {
            _queue.Offer(Given.Event(++_number, bytes));
        }
    }

    public Task HasSentAsync(long events) => Eventually.HoldsAsync(() => Sent >= events);

    public async Task StopAsync()
    {
        _queue.Complete();
        await _publisher.StopAsync(CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _publisher.Dispose();
        await _link.DisposeAsync();
        _listener.Dispose();
        _metrics.Dispose();
    }

    private long Count(string name) => _counts.GetValueOrDefault(name);

    private void Listen()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Scope == _metrics)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, count, tags, _) => _counts.AddOrUpdate(
            tags.Length == 0 ? instrument.Name : $"{instrument.Name} {tags[0].Value}",
            count, (_, before) => before + count));
        _listener.Start();
    }
}

/// <summary>How a sender is set up where a test does not care.</summary>
internal sealed record PublisherSetup
{
    public int QueueEvents { get; init; } = 16_384;

    public long SpoolBytes { get; init; } = 256 * 1_024 * 1_024;

    public long LengthMax { get; init; }

    public TimeSpan AnswerBound { get; init; } = TimeSpan.FromSeconds(2);

    public TimeSpan StopBound { get; init; } = TimeSpan.FromSeconds(5);

    public TimeProvider Time { get; init; } = TimeProvider.System;
}
