using LlmProxy.Events;

namespace LlmProxy.Dispatching;

/// <summary>
/// Where events are delivered. A sink knows one service's form and nothing of queues, retries or dead letters: it is
/// given a batch and says of each event what became of it. It is called by one caller at a time.
/// </summary>
internal interface ISink : IAsyncDisposable
{
    /// <summary>
    /// Delivers the events, in their order where order means something. Throws nothing but
    /// <see cref="OperationCanceledException"/>; then nobody knows what arrived, and all of it is delivered again.
    /// </summary>
    /// <returns>An outcome for each event, in the same order.</returns>
    Task<IReadOnlyList<DeliveryOutcome>> DeliverAsync(IReadOnlyList<EventRecord> batch, CancellationToken stop);
}
