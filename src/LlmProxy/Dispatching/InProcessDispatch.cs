using LlmProxy.Dispatching.Sinks;
using LlmProxy.Events;

namespace LlmProxy.Dispatching;

/// <summary>
/// Writes the events of this process to a file, without a bus between processes. When the server stops, it ends after
/// the bus: what was published is written.
/// </summary>
internal sealed class InProcessDispatch(
    EventBus bus, EventOptions events, FileRotation rotation, TimeProvider clock, ILogger<InProcessDispatch> logger)
    : IHostedService, IAsyncDisposable
{
    private const string Service = "file";
    private const int BatchSize = 1_000;
    private const int Buffer = 4 * BatchSize;

    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _stop = new();
    private QueueSource? _source;
    private FileSink? _sink;
    private Task _running = Task.CompletedTask;

    /// <summary>What it has done; nothing before it starts.</summary>
    public DispatcherTally Tally { get; } = new(clock);

    /// <exception cref="Settings.StartFailure">The file cannot be opened.</exception>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _sink = FileSink.Open(events.FileLog!, rotation, "FILE_EVENT_LOG");
        _source = new QueueSource(
            bus.Subscribe(Service, events.BufferSize, events.BufferBytes), Service,
            new DeadLetterFile($"{events.FileLog}.dead", clock, logger), clock);
        var dispatcher = new Dispatcher(
            Service, _source, _sink,
            new DispatcherPace(Buffer, BatchSize, DispatcherOptions.RetentionDefault, Wait, Wait, Wait), Tally, clock,
            logger);
        _running = Task.Run(() => dispatcher.RunAsync(_stop.Token), CancellationToken.None);
        return Task.CompletedTask;
    }

    /// <summary>Called when the bus has handed over its last event.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await using var impatient = cancellationToken.Register(_stop.Cancel);
        await _running;
    }

    public async ValueTask DisposeAsync()
    {
        await (_sink?.DisposeAsync() ?? ValueTask.CompletedTask);
        await (_source?.DisposeAsync() ?? ValueTask.CompletedTask);
        _stop.Dispose();
    }
}
