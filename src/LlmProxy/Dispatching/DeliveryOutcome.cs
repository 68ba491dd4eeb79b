using System.Runtime.InteropServices;

namespace LlmProxy.Dispatching;

/// <summary>What became of one event at a sink.</summary>
internal enum Verdict : byte
{
    /// <summary>The sink has it; it may be forgotten.</summary>
    Accepted,

    /// <summary>Not now: network, timeout, 408, 425, 429, 5xx.</summary>
    TryLater,

    /// <summary>Never: this very event is not wanted as it is.</summary>
    Refused,

    /// <summary>The batch was refused as a whole, for which of its events nobody said: each is tried alone.</summary>
    RefusedTogether,
}

/// <summary>What became of one event, and why.</summary>
/// <param name="Verdict">In one word.</param>
/// <param name="Reason">Short, for people; never a body or a credential. Null when accepted.</param>
/// <param name="RetryAfter">What the sink asks for, when it does.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct DeliveryOutcome(Verdict Verdict, string? Reason = null, TimeSpan? RetryAfter = null)
{
    public static DeliveryOutcome Accepted => default;

    public static DeliveryOutcome TryLater(string reason, TimeSpan? retryAfter = null) =>
        new(Verdict.TryLater, reason, retryAfter);

    public static DeliveryOutcome Refused(string reason) => new(Verdict.Refused, reason);

    public static DeliveryOutcome RefusedTogether(string reason) => new(Verdict.RefusedTogether, reason);
}
