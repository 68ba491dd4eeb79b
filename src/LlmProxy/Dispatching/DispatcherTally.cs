namespace LlmProxy.Dispatching;

/// <summary>What a dispatcher has done since it started. Written by its loop, read by anybody.</summary>
internal sealed class DispatcherTally(TimeProvider clock)
{
    private const int RateSeconds = 60;

    private readonly long _started = clock.GetTimestamp();
    private readonly Lock _gate = new();

    // Accepted in each of the last seconds; the place is the second modulo their number. Guarded by _gate.
    private readonly long[] _perSecond = new long[RateSeconds];
    private long _second;

    private long _accepted;
    private long _failed;
    private long _dead;
    private long _held;
    private bool _isFailing;
    private string? _lastFault;
    private long _lastAccepted;

    /// <summary>A copy of what is known now.</summary>
    public DispatcherState Look()
    {
        lock (_gate)
        {
            MoveTo(Second());
            var seconds = Math.Clamp(Second(), 1, RateSeconds);
            return new DispatcherState(
                _accepted, _failed, _dead, _held, _isFailing, _lastFault, (double)_perSecond.Sum() / seconds,
                _lastAccepted == 0 ? null : clock.GetElapsedTime(_lastAccepted));
        }
    }

    public void Hold(int count, bool isFailing)
    {
        lock (_gate)
        {
            (_held, _isFailing) = (count, isFailing);
        }
    }

    public void Settle(IReadOnlyList<Parcel> batch, IReadOnlyList<DeliveryOutcome> outcomes, int dead)
    {
        var accepted = outcomes.Count(static outcome => outcome.Verdict == Verdict.Accepted);
        lock (_gate)
        {
            MoveTo(Second());
            _perSecond[_second % RateSeconds] += accepted;
            _accepted += accepted;
            _failed += batch.Count - accepted;
            _dead += dead;
            _lastFault = outcomes.LastOrDefault(static outcome => outcome.Reason is not null).Reason ?? _lastFault;
            _lastAccepted = accepted > 0 ? clock.GetTimestamp() : _lastAccepted;
        }
    }

    private long Second() => (long)clock.GetElapsedTime(_started).TotalSeconds;

    private void MoveTo(long second)
    {
        for (var next = Math.Max(_second + 1, second - RateSeconds + 1); next <= second; next++)
        {
            _perSecond[next % RateSeconds] = 0;
        }

        _second = second;
    }
}

/// <summary>What a dispatcher has done.</summary>
/// <param name="Accepted">Events that the sink has.</param>
/// <param name="Failed">Deliveries that were not accepted; an event may have several.</param>
/// <param name="Dead">Events that were set aside.</param>
/// <param name="Held">Events in hand.</param>
/// <param name="IsFailing">The sink took nothing the last time.</param>
/// <param name="LastFault">Why the last delivery that failed did.</param>
/// <param name="PerSecond">Accepted in a second, over the last minute.</param>
/// <param name="SinceAccepted">How long ago the sink took the last one; null if it never did.</param>
internal sealed record DispatcherState(
    long Accepted, long Failed, long Dead, long Held, bool IsFailing, string? LastFault, double PerSecond,
    TimeSpan? SinceAccepted);
