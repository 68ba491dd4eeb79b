using LlmProxy.Dispatching;
using LlmProxy.Dispatching.Sinks;
using LlmProxy.Events;
using LlmProxy.Settings;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace LlmProxy.Tests.Events;

public sealed class EventBusTests : IDisposable
{
    private readonly EventMetrics _metrics = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("llm-proxy-bus-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _metrics.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Every_subscriber_gets_every_event_in_the_order_of_publishing()
    {
        using var bus = Bus();
        var (one, other) = (bus.Subscribe("one", 100, 1 << 20), bus.Subscribe("other", 100, 1 << 20));
        await bus.StartAsync(Stop);
        Publish(bus, 50);
        await bus.StopAsync(Stop);

        Assert.Equal(Paths(50), PathsOf(one));
        Assert.Equal(Paths(50), PathsOf(other));
    }

    [Fact]
    public async Task A_subscriber_that_takes_nothing_loses_the_newest_ones_and_costs_the_others_none()
    {
        using var bus = Bus();
        var (slow, quick) = (bus.Subscribe("slow", 10, 1 << 20), bus.Subscribe("quick", 1_000, 1 << 20));
        await bus.StartAsync(Stop);
        Publish(bus, 100);
        await bus.StopAsync(Stop);

        Assert.Equal(Paths(10), PathsOf(slow));
        Assert.Equal(90, slow.Dropped);
        Assert.Equal(Paths(100), PathsOf(quick));
        Assert.Equal(0, quick.Dropped);
    }

    [Fact]
    public async Task What_waits_for_a_subscriber_is_bounded_in_bytes_too()
    {
        using var bus = Bus();
        var length = EventJson.Write(Event(0)).Length;
        var subscription = bus.Subscribe("one", 1_000, 5 * length);
        await bus.StartAsync(Stop);
        Publish(bus, 9);
        await bus.StopAsync(Stop);

        Assert.Equal(5, subscription.Count);
        Assert.Equal(4, subscription.Dropped);
    }

    [Fact]
    public void Beyond_its_buffer_the_bus_takes_no_more_and_says_so_at_once()
    {
        using var bus = Bus(bufferSize: 16);

        Assert.Equal(16, Enumerable.Range(0, 100).Count(i => bus.TryPublish(() => Event(i))));
    }

    [Fact]
    public async Task An_event_that_cannot_be_written_costs_no_other_one()
    {
        using var bus = Bus();
        var subscription = bus.Subscribe("one", 100, 1 << 20);
        await bus.StartAsync(Stop);
        bus.TryPublish(() => Event(0));
        bus.TryPublish(static () => throw new InvalidOperationException("broken"));
        bus.TryPublish(() => Event(1));
        await bus.StopAsync(Stop);

        Assert.Equal(Paths(2), PathsOf(subscription));
    }

    [Fact]
    public void Without_subscribers_nothing_needs_to_be_drafted()
    {
        using var bus = Bus();
        Assert.True(bus.IsIdle);

        var subscription = bus.Subscribe("one", 1, 1);
        Assert.False(bus.IsIdle);

        subscription.Dispose();
        Assert.True(bus.IsIdle);
    }

    [Fact]
    public async Task Ten_thousand_events_that_are_queued_at_the_stop_are_all_delivered()
    {
        var file = Path.Combine(_folder, "events.jsonl");
        var options = Options(16_384, file);
        using var bus = Bus(options);
        await using var dispatch = new InProcessDispatch(
            bus, options, FileRotation.Default, TimeProvider.System, NullLogger<InProcessDispatch>.Instance);
        await dispatch.StartAsync(Stop);
        Publish(bus, 10_000);

        // In the order of the host: the bus first, then who has subscribed.
        await bus.StartAsync(Stop);
        await bus.StopAsync(Stop);
        await dispatch.StopAsync(Stop);

        var paths = (await File.ReadAllLinesAsync(file, Stop))
            .Select(static line => EventJson.TryRead(System.Text.Encoding.UTF8.GetBytes(line))!.Path)
            .ToList();
        Assert.Equal(Paths(10_000), paths);
    }

    private static void Publish(EventBus bus, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var number = i;
            Assert.True(bus.TryPublish(() => Event(number)));
        }
    }

    private static List<string> Paths(int count) => [.. Enumerable.Range(0, count).Select(static i => $"/{i}")];

    private static List<string> PathsOf(EventSubscription subscription)
    {
        var records = new List<EventRecord>();
        subscription.Take(records, int.MaxValue);
        return [.. records.Select(static record => record.Parse()!.Path)];
    }

    private static ExchangeEvent Event(int number) => new()
    {
        EventId = Guid.CreateVersion7(DateTimeOffset.UnixEpoch).ToString(),
        RequestId = $"r{number}",
        Method = "GET",
        Path = $"/{number}",
        Outcome = "served",
        StartedAt = DateTimeOffset.UnixEpoch,
        EndedAt = DateTimeOffset.UnixEpoch,
        Request = new EventMessage(),
        Response = new EventMessage(),
    };

    private EventBus Bus(int bufferSize = 16_384) => Bus(Options(bufferSize, file: null));

    private EventBus Bus(EventOptions options) => new(options, _metrics, NullLogger<EventBus>.Instance);

    private static EventOptions Options(int bufferSize, string? file) => EventOptions.Read(new SettingsReader(
        new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["OBSERVABILITY_BUFFER_SIZE"] = $"{bufferSize}",
            ["FILE_EVENT_LOG"] = file,
        },
        new Dictionary<string, string>(StringComparer.Ordinal), []));
}
