using LlmProxy.Events;

namespace LlmProxy.Dispatching;

/// <summary>
/// Events of this process. They are in memory only: what is in hand when the process ends is gone, unless it has time
/// to deliver it.
/// </summary>
internal sealed class QueueSource(
    EventSubscription subscription, string service, DeadLetterFile deadLetters, TimeProvider clock) : IDeliverySource
{
    private static readonly TimeSpan BusyPause = TimeSpan.FromMilliseconds(5);

    private long _position;
    private long _dead;
    private long _pending;

    public bool HasEnded => subscription is { IsComplete: true, Count: 0 };

    public async Task<IReadOnlyList<Delivery>> TakeAsync(int max, TimeSpan wait, CancellationToken stop)
    {
        var records = new List<EventRecord>();
        for (var waited = TimeSpan.Zero;
            subscription.Take(records, max) == 0 && waited < wait && !subscription.IsComplete;
            waited += BusyPause)
        {
            await Task.Delay(BusyPause, clock, stop);
        }

        Interlocked.Add(ref _pending, records.Count);
        return [.. records.Select(record => new Delivery(record, $"{++_position}"))];
    }

    public Task<bool> AcknowledgeAsync(IReadOnlyList<Delivery> delivered, CancellationToken stop)
    {
        Interlocked.Add(ref _pending, -delivered.Count);
        return Task.FromResult(true);
    }

    public async Task<bool> BuryAsync(Delivery dead, string reason, int attempts, CancellationToken stop)
    {
        if (!await deadLetters.AddAsync(dead.Record, service, reason, attempts))
        {
            return false;
        }

        Interlocked.Decrement(ref _pending);
        Interlocked.Increment(ref _dead);
        return true;
    }

    /// <summary>Nobody else can take them.</summary>
    public Task KeepAsync(IReadOnlyList<Delivery> held, CancellationToken stop) => Task.CompletedTask;

    /// <summary>There is nobody to give them to: they are set aside where they can be found.</summary>
    public async Task HandBackAsync(IReadOnlyList<Delivery> held, CancellationToken stop)
    {
        foreach (var delivery in held)
        {
            await BuryAsync(delivery, "the process ended before it was delivered", 0, stop);
        }
    }

    public Task<Backlog?> MeasureAsync(CancellationToken stop) => Task.FromResult<Backlog?>(new Backlog(
        subscription.Count, Interlocked.Read(ref _pending), TimeSpan.Zero, Interlocked.Read(ref _dead),
        subscription.Dropped));

    public ValueTask DisposeAsync()
    {
        subscription.Dispose();
        return ValueTask.CompletedTask;
    }
}
