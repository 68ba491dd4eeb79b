using System.Threading.Channels;

namespace LlmProxy.Events;

/// <summary>Makes an event when it is asked for, which is in the background. Called once.</summary>
internal delegate ExchangeEvent EventDraft();

/// <summary>
/// The bus of this process. Who publishes hands over a draft and goes on; here, in the background, drafts become JSON
/// once and go to every subscriber, each of which has a bounded queue of its own, so that none delays another. What
/// is kept between processes subscribes too.
/// </summary>
/// <remarks>
/// The queue is polled: a consumer that is woken for each event costs the request that wakes it 10 to 20 µs.
/// </remarks>
internal sealed class EventBus(EventOptions options, EventMetrics metrics, ILogger<EventBus> logger)
    : BackgroundService
{
    private static readonly TimeSpan BusyPause = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan IdlePause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan UnusedPause = TimeSpan.FromMilliseconds(200);

    private readonly Channel<EventDraft> _drafts = Channel.CreateBounded<EventDraft>(
        new BoundedChannelOptions(options.BufferSize)
        {
            SingleReader = true,
            FullMode = BoundedChannelFullMode.Wait,
        });

    // Replaced as a whole when somebody subscribes or leaves, so that readers need no lock.
    private volatile EventSubscription[] _subscriptions = [];
    private readonly Lock _changing = new();

    /// <summary>Nobody listens: an event need not even be drafted.</summary>
    public bool IsIdle => _subscriptions.Length == 0;

    /// <summary>
    /// Hands over an event. Never waits. False when there is no room: the event is lost, and counted as such.
    /// </summary>
    public bool TryPublish(EventDraft draft)
    {
        if (_drafts.Writer.TryWrite(draft))
        {
            return true;
        }

        metrics.Dropped("bus");
        return false;
    }

    /// <summary>Events from now on.</summary>
    /// <param name="name">For metrics.</param>
    /// <param name="eventsMax">How many may wait to be taken.</param>
    /// <param name="bytesMax">How long they may be together.</param>
    public EventSubscription Subscribe(string name, int eventsMax, long bytesMax)
    {
        var subscription = new EventSubscription(name, eventsMax, bytesMax, metrics, Remove);
        lock (_changing)
        {
            _subscriptions = [.. _subscriptions, subscription];
        }

        return subscription;
    }

    /// <summary>
    /// Called when nothing publishes any more: all that was handed over still reaches the subscribers.
    /// </summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        _drafts.Writer.TryComplete();
        await base.StopAsync(cancellationToken);
        Drain();
        foreach (var subscription in _subscriptions)
        {
            subscription.Complete();
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // One timer for all pauses: a bus that nobody uses costs nothing.
        using var timer = new PeriodicTimer(IdlePause);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                timer.Period = Drain() ? BusyPause : IsIdle ? UnusedPause : IdlePause;
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    /// <summary>Passes on all that is there; tells whether there was anything.</summary>
    private bool Drain()
    {
        var any = false;
        while (_drafts.Reader.TryRead(out var draft))
        {
            any = true;
            PassOn(draft);
        }

        return any;
    }

    private void PassOn(EventDraft draft)
    {
        EventRecord record;
#pragma warning disable CA1031 // Whatever it is, it is this event's: it is counted, and the others go on.
        try
        {
            var exchange = draft();
            record = new EventRecord(exchange.EventId, EventJson.Write(exchange));
        }
        catch (Exception failure)
        {
            metrics.Dropped("bus");
            logger.CannotWriteEvent(failure);
            return;
        }
#pragma warning restore CA1031
        metrics.Published();
        foreach (var subscription in _subscriptions)
        {
            subscription.Offer(record);
        }
    }

    private void Remove(EventSubscription subscription)
    {
        lock (_changing)
        {
            _subscriptions = [.. _subscriptions.Where(other => other != subscription)];
        }
    }
}
