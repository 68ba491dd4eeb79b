namespace LlmProxy.Dispatching;

/// <summary>
/// Decides what a sink is given next and what becomes of what it was given. Holds parcels until they are accepted or
/// dead; does no I/O and knows no thread, so that it can be driven by tests.
/// </summary>
/// <remarks>
/// A sink that takes nothing at all is waited for, longer each time, and nothing is given up but what is older than the
/// retention. A parcel that keeps failing while others get through is poison: it is tried alone, and after
/// <see cref="StrikesMax"/> failures it is dead.
/// </remarks>
/// <param name="batchMax">Parcels that are given out at once.</param>
/// <param name="retention">For how long a parcel is tried.</param>
/// <param name="clock">The time.</param>
/// <param name="chance">A number from 0 to 1, another one at each call.</param>
internal sealed class DeliveryDesk(int batchMax, TimeSpan retention, TimeProvider clock, Func<double> chance)
{
    /// <summary>So often a parcel fails, while others are accepted, before it is dead.</summary>
    public const int StrikesMax = 8;

    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(60);

    // By the time at which they may be given out, then by age.
    private readonly PriorityQueue<Parcel, (long Due, long Sequence)> _waiting = new();
    private readonly Dictionary<string, Parcel> _held = new(StringComparer.Ordinal);
    private long _sequence;
    private long _accepted;
    private int _failures;
    private readonly int _batchMax = batchMax;
    private int _limit = batchMax;
    private long _notBefore = long.MinValue;

    /// <summary>Parcels that are neither accepted nor dead.</summary>
    public int Count => _held.Count;

    /// <summary>The sink took nothing the last time.</summary>
    public bool IsFailing => _failures > 0;

    /// <summary>All that is held, for saying that it still is.</summary>
    public IReadOnlyList<Delivery> Held => [.. _held.Values.Select(static parcel => parcel.Delivery)];

    /// <summary>
    /// Takes deliveries in. One that is held already, because its source gave it out again, stays one.
    /// </summary>
    public void Take(IEnumerable<Delivery> deliveries)
    {
        var now = clock.GetTimestamp();
        foreach (var delivery in deliveries)
        {
            var parcel = new Parcel(delivery, _sequence++, now);
            if (_held.TryAdd(delivery.Position, parcel))
            {
                _waiting.Enqueue(parcel, (now, parcel.Sequence));
            }
        }
    }

    /// <summary>What the sink is to be given now; empty when there is nothing, or nothing yet.</summary>
    public IReadOnlyList<Parcel> Next()
    {
        var now = clock.GetTimestamp();
        var batch = new List<Parcel>();
        while (now >= _notBefore && batch.Count < _limit
            && _waiting.TryPeek(out var parcel, out var place) && place.Due <= now
            && (batch.Count == 0 || !parcel.IsAlone))
        {
            batch.Add(_waiting.Dequeue());
            if (parcel.IsAlone)
            {
                break;
            }
        }

        return batch;
    }

    /// <summary>How long until <see cref="Next"/> may give something out; null when nothing waits.</summary>
    public TimeSpan? UntilNext()
    {
        if (!_waiting.TryPeek(out _, out var place))
        {
            return null;
        }

        var due = Math.Max(place.Due, _notBefore);
        var now = clock.GetTimestamp();
        return due <= now ? TimeSpan.Zero : clock.GetElapsedTime(now, due);
    }

    /// <summary>Takes note of what became of a batch. What is neither accepted nor dead is tried again.</summary>
    /// <returns>Those that the sink has, and those that are dead; neither is held any more.</returns>
    public (IReadOnlyList<Parcel> Accepted, IReadOnlyList<DeadParcel> Dead) Settle(
        IReadOnlyList<Parcel> batch, IReadOnlyList<DeliveryOutcome> outcomes)
    {
        var accepted = new List<Parcel>();
        var dead = new List<DeadParcel>();
        var failed = new List<(Parcel Parcel, DeliveryOutcome Outcome)>();
        for (var i = 0; i < batch.Count; i++)
        {
            batch[i].Attempts++;
            switch (outcomes[i].Verdict)
            {
                case Verdict.Accepted:
                    accepted.Add(batch[i]);
                    break;
                case Verdict.Refused:
                case Verdict.RefusedTogether when batch.Count == 1:
                    dead.Add(new DeadParcel(batch[i], outcomes[i].Reason ?? "refused"));
                    break;
                case Verdict.RefusedTogether:
                    batch[i].IsAlone = true;
                    Requeue(batch[i], TimeSpan.Zero);
                    break;
                default:
                    failed.Add((batch[i], outcomes[i]));
                    break;
            }
        }

        _accepted += accepted.Count;
        var isAlive = accepted.Count > 0 || failed.Count == 0;
        MindSink(isAlive, batch, failed);
        foreach (var (parcel, outcome) in failed)
        {
            Fail(parcel, outcome, isAlive, dead);
        }

        accepted.ForEach(Drop);
        dead.ForEach(gone => Drop(gone.Parcel));
        return (accepted, dead);
    }

    private void MindSink(
        bool isAlive, IReadOnlyList<Parcel> batch, List<(Parcel Parcel, DeliveryOutcome Outcome)> failed)
    {
        if (isAlive)
        {
            _failures = 0;
            _limit = Math.Min(_batchMax, _limit * 2);
            _notBefore = long.MinValue;
            return;
        }

        if (_failures == 0 && batch.Count > 1)
        {
            // It took others before: perhaps it is one of these that it cannot take.
            foreach (var parcel in batch)
            {
                parcel.IsAlone = true;
            }
        }

        _failures++;
        _limit = 1;
        var asked = failed.Max(static one => one.Outcome.RetryAfter) ?? TimeSpan.Zero;
        _notBefore = After(Longer(asked, WaitAfter(_failures)));
    }

    private void Fail(Parcel parcel, in DeliveryOutcome outcome, bool sinkIsAlive, List<DeadParcel> dead)
    {
        var reason = outcome.Reason ?? "failed";
        if (parcel.AcceptedAtFailure >= 0 && _accepted > parcel.AcceptedAtFailure)
        {
            parcel.Strikes++;
        }

        parcel.AcceptedAtFailure = _accepted;
        if (clock.GetElapsedTime(parcel.TakenAt) >= retention)
        {
            dead.Add(new DeadParcel(parcel, $"not delivered within the retention: {reason}"));
        }
        else if (parcel.Strikes >= StrikesMax)
        {
            dead.Add(new DeadParcel(parcel, $"failed {parcel.Attempts} times while others were accepted: {reason}"));
        }
        else
        {
            // When the sink as a whole fails, it is waited for; the parcel itself goes to the end of the line.
            Requeue(parcel, sinkIsAlive
                ? Longer(outcome.RetryAfter ?? TimeSpan.Zero, WaitAfter(parcel.Strikes + 1))
                : TimeSpan.Zero);
        }
    }

    private void Requeue(Parcel parcel, TimeSpan wait) =>
        _waiting.Enqueue(parcel, (wait == TimeSpan.Zero ? clock.GetTimestamp() : After(wait), parcel.Sequence));

    private void Drop(Parcel parcel) => _held.Remove(parcel.Delivery.Position);

    private long After(TimeSpan wait) =>
        clock.GetTimestamp() + (long)(wait.TotalSeconds * clock.TimestampFrequency);

    /// <summary>Doubles with each failure; a part of it is chance, so that many do not come back at once.</summary>
    private TimeSpan WaitAfter(int failures)
    {
        var wait = Math.Min(
            LongestWait.TotalSeconds, FirstWait.TotalSeconds * Math.Pow(2, Math.Min(failures - 1, 16)));
        return TimeSpan.FromSeconds(wait * (0.5 + (chance() / 2)));
    }

    private static TimeSpan Longer(TimeSpan one, TimeSpan other) => one > other ? one : other;
}
