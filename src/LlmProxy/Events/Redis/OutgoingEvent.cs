namespace LlmProxy.Events.Redis;

/// <summary>
/// An event on its way to Redis. Sender and number together are what Redis knows it by: it takes each of them once,
/// however often it is sent.
/// </summary>
/// <param name="sender">The run of a program that took it from the bus.</param>
/// <param name="number">Its place among that sender's events: 1, 2, 3…</param>
/// <param name="record">The event.</param>
internal sealed class OutgoingEvent(Guid sender, long number, EventRecord record)
{
    public Guid Sender => sender;

    public long Number => number;

    public EventRecord Record => record;

    /// <summary>Where it ends in the spool; 0 when it is not there.</summary>
    public long SpoolEnd { get; set; }

    /// <summary>When Redis said that it has it: a timestamp of the clock; 0 when it has not.</summary>
    public long ConfirmedAt { get; set; }
}
