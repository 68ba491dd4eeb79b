using System.Runtime.InteropServices;

namespace LlmProxy.Caching;

/// <summary>What became of a call to the provider that others wait for.</summary>
internal enum FlightEnd
{
    /// <summary>Its answer may be used by others: the head is known, the body arrives.</summary>
    Shared,

    /// <summary>Its answer is for the one who asked. The others ask themselves, all at once.</summary>
    Alone,

    /// <summary>It failed. The others try themselves, one at a time.</summary>
    Failed,
}

/// <summary>The head of an answer that is shared.</summary>
/// <param name="End">What became of the call.</param>
/// <param name="Response">
/// When it is shared: its head. It has a body only when it was stored before and validated now.
/// </param>
/// <param name="Tape">When it is shared and new: its body.</param>
/// <param name="IsStandIn">It is stale and stands in for an error.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct FlightHead(
    FlightEnd End, StoredResponse? Response = null, Tape? Tape = null, bool IsStandIn = false);

/// <summary>
/// One call to the provider for which equal requests may wait. It goes on as long as anybody wants its answer: who
/// asked first may leave when others have come.
/// </summary>
#pragma warning disable CA1001 // Its source has no timer and nobody waits on a handle.
internal sealed class Flight(CacheKey key, long epoch)
#pragma warning restore CA1001
{
    private const int NobodyLeft = 0;

    private readonly TaskCompletionSource<FlightHead> _head = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _abandoned = new();

    // Who wants the answer; 1 is the one who asked. Once it was NobodyLeft it stays so. Interlocked.
    private int _passengers = 1;
    private bool _isOutdated;

    public CacheKey Key => key;

    /// <summary>How often everything had been invalidated when it began.</summary>
    public long Epoch => epoch;

    /// <summary>Its key was invalidated since it began: what it brings must not be stored.</summary>
    public bool IsOutdated
    {
        get => Volatile.Read(ref _isOutdated);
        set => Volatile.Write(ref _isOutdated, value);
    }

    /// <summary>Triggered when nobody wants the answer any more.</summary>
    public CancellationToken Abandoned => _abandoned.Token;

    /// <summary>When the head is known, or never will be.</summary>
    public Task<FlightHead> Head => _head.Task;

    /// <summary>One more wants the answer; false when it was given up already.</summary>
    public bool TryJoin()
    {
        var passengers = Volatile.Read(ref _passengers);
        while (passengers != NobodyLeft)
        {
            var seen = Interlocked.CompareExchange(ref _passengers, passengers + 1, passengers);
            if (seen == passengers)
            {
                return true;
            }

            passengers = seen;
        }

        return false;
    }

    /// <summary>One less wants the answer.</summary>
    public void Leave()
    {
        if (Interlocked.Decrement(ref _passengers) == NobodyLeft)
        {
            _ = _abandoned.CancelAsync();
        }
    }

    /// <summary>Tells all who wait; only the first call counts.</summary>
    public void Tell(in FlightHead head) => _head.TrySetResult(head);
}
