using System.Runtime.InteropServices;

namespace LlmProxy.Dispatching;

/// <summary>
/// Where a dispatcher gets events from: a consumer group of a Redis stream, or a queue of this process. What was taken
/// stays the source's until it is acknowledged or buried.
/// </summary>
internal interface IDeliverySource : IAsyncDisposable
{
    /// <summary>
    /// Up to <paramref name="max"/> events: new ones, and those that another consumer has left lying. Waits for the
    /// first one for up to <paramref name="wait"/>; empty when none came, or the source is away.
    /// </summary>
    Task<IReadOnlyList<Delivery>> TakeAsync(int max, TimeSpan wait, CancellationToken stop);

    /// <summary>Nothing will ever come any more.</summary>
    bool HasEnded { get; }

    /// <summary>The sink has them. Answers false when that could not be said now: it is to be said again.</summary>
    Task<bool> AcknowledgeAsync(IReadOnlyList<Delivery> delivered, CancellationToken stop);

    /// <summary>
    /// Sets one aside among the dead letters, with the reason, and acknowledges it. False: it is to be done again.
    /// </summary>
    Task<bool> BuryAsync(Delivery dead, string reason, int attempts, CancellationToken stop);

    /// <summary>Says that these are still being worked at, so that no other consumer takes them.</summary>
    Task KeepAsync(IReadOnlyList<Delivery> held, CancellationToken stop);

    /// <summary>Gives back what was not delivered, so that another consumer may have it at once.</summary>
    Task HandBackAsync(IReadOnlyList<Delivery> held, CancellationToken stop);

    /// <summary>How far behind this source's sink is; null when the source is away.</summary>
    Task<Backlog?> MeasureAsync(CancellationToken stop);
}

/// <summary>How far behind a sink is.</summary>
/// <param name="Waiting">Events that nobody has taken yet.</param>
/// <param name="Pending">Events that were taken and not acknowledged.</param>
/// <param name="OldestAge">How old the oldest of both is; zero when there is none.</param>
/// <param name="Dead">Dead letters.</param>
/// <param name="TrimmedUnread">Events that the stream has dropped before they were taken, ever.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Backlog(
    long Waiting, long Pending, TimeSpan OldestAge, long Dead, long TrimmedUnread);
