using LlmProxy.Events;

namespace LlmProxy.Dispatching;

/// <summary>A delivery that the dispatcher has in hand. Touched by <see cref="DeliveryDesk"/> only.</summary>
internal sealed class Parcel(Delivery delivery, long sequence, long takenAt)
{
    public Delivery Delivery => delivery;

    public EventRecord Record => delivery.Record;

    /// <summary>In the order of taking.</summary>
    public long Sequence => sequence;

    /// <summary>Timestamp of taking.</summary>
    public long TakenAt => takenAt;

    /// <summary>How often it was given to the sink.</summary>
    public int Attempts { get; set; }

    /// <summary>How often the sink failed it and accepted another one before the next try.</summary>
    public int Strikes { get; set; }

    /// <summary>
    /// How many events the sink had accepted when it failed this one the last time; -1 if it never did.
    /// </summary>
    public long AcceptedAtFailure { get; set; } = -1;

    /// <summary>It may be the one because of which a batch failed.</summary>
    public bool IsAlone { get; set; }
}

/// <summary>A parcel that will not be delivered.</summary>
/// <param name="Parcel">Which.</param>
/// <param name="Reason">Why, for people.</param>
internal sealed record DeadParcel(Parcel Parcel, string Reason);
