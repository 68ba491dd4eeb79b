using System.Security.Cryptography;

namespace LlmProxy.Dispatching;

/// <summary>
/// Brings events from a source to a sink until it is told to stop. An event is acknowledged only when the sink has it,
/// or when it lies among the dead letters.
/// </summary>
internal sealed class Dispatcher(
    string service, IDeliverySource source, ISink sink, DispatcherPace pace, DispatcherTally tally, TimeProvider clock,
    ILogger logger)
{
    private readonly DeliveryDesk _desk = new(pace.BatchSize, pace.Retention, clock, Chance);
    private readonly Lock _gate = new();

    // What the source could not be told yet. Small: nothing new is taken while there is some.
    private readonly List<Delivery> _toAcknowledge = [];
    private readonly List<DeadParcel> _toBury = [];

    /// <summary>
    /// Runs until <paramref name="stop"/>; then the batch in hand is finished and the rest handed back. Returns earlier
    /// when the source has ended and everything was dealt with.
    /// </summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using var keeping = new CancellationTokenSource();
        var keeper = KeepAsync(keeping.Token);
        try
        {
            while (!stop.IsCancellationRequested && !(source.HasEnded && IsIdle))
            {
                await StepAsync(stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
        }

        await keeping.CancelAsync();
        await keeper;
        await EndAsync();
    }

    private static double Chance() => RandomNumberGenerator.GetInt32(1 << 20) / (double)(1 << 20);

    private bool IsIdle
    {
        get
        {
            lock (_gate)
            {
                return _desk.Count == 0 && _toAcknowledge.Count == 0 && _toBury.Count == 0;
            }
        }
    }

    private async Task StepAsync(CancellationToken stop)
    {
        await TakeAsync(stop);
        IReadOnlyList<Parcel> batch;
        lock (_gate)
        {
            batch = _desk.Next();
        }

        if (batch.Count > 0)
        {
            await DeliverAsync(batch, stop);
        }

        await TellSourceAsync(stop);
    }

    private async Task TakeAsync(CancellationToken stop)
    {
        int room;
        TimeSpan wait;
        lock (_gate)
        {
            room = _toAcknowledge.Count + _toBury.Count > 0 ? 0 : pace.Buffer - _desk.Count;
            wait = _desk.UntilNext() ?? pace.Wait;
            tally.Hold(_desk.Count, _desk.IsFailing);
        }

        wait = wait < pace.Wait ? wait : pace.Wait;
        if (room == 0)
        {
            await Task.Delay(wait > TimeSpan.Zero ? wait : TimeSpan.FromMilliseconds(1), clock, stop);
            return;
        }

        var taken = await source.TakeAsync(room, wait, stop);
        lock (_gate)
        {
            _desk.Take(taken);
        }
    }

    /// <summary>The batch in hand is finished even if it is time to stop, for as long as the pace allows.</summary>
    private async Task DeliverAsync(IReadOnlyList<Parcel> batch, CancellationToken stop)
    {
        using var patience = new CancellationTokenSource();
        await using var stopping = stop.Register(() => patience.CancelAfter(pace.LastBatch));
        IReadOnlyList<DeliveryOutcome> outcomes;
        try
        {
            outcomes = await sink.DeliverAsync([.. batch.Select(static parcel => parcel.Record)], patience.Token);
        }
        catch (OperationCanceledException)
        {
            outcomes = [.. batch.Select(static _ => DeliveryOutcome.TryLater("stopped"))];
        }

        lock (_gate)
        {
            var wasFailing = _desk.IsFailing;
            var (accepted, dead) = _desk.Settle(batch, outcomes);
            _toAcknowledge.AddRange(accepted.Select(static parcel => parcel.Delivery));
            _toBury.AddRange(dead);
            tally.Settle(batch, outcomes, dead.Count);
            SaySinkState(wasFailing, outcomes);
        }
    }

    private void SaySinkState(bool wasFailing, IReadOnlyList<DeliveryOutcome> outcomes)
    {
        if (_desk.IsFailing && !wasFailing)
        {
            logger.SinkFails(service, outcomes.FirstOrDefault(static one => one.Reason is not null).Reason);
        }
        else if (wasFailing && !_desk.IsFailing)
        {
            logger.SinkWorks(service);
        }
    }

    private async Task TellSourceAsync(CancellationToken stop)
    {
        if (_toAcknowledge.Count > 0 && await source.AcknowledgeAsync(_toAcknowledge, stop))
        {
            _toAcknowledge.Clear();
        }

        while (_toBury is [var dead, ..]
            && await source.BuryAsync(dead.Parcel.Delivery, dead.Reason, dead.Parcel.Attempts, stop))
        {
            logger.Buried(dead.Parcel.Record.Id, service, dead.Reason);
            _toBury.RemoveAt(0);
        }
    }

    /// <summary>
    /// Says again and again that what is held is being worked at, also while the sink takes its time.
    /// </summary>
    private async Task KeepAsync(CancellationToken end)
    {
        using var timer = new PeriodicTimer(pace.KeepEvery, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(end))
            {
                IReadOnlyList<Delivery> held;
                lock (_gate)
                {
                    held = _desk.Held;
                }

                await source.KeepAsync(held, end);
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    private async Task EndAsync()
    {
        using var patience = new CancellationTokenSource(pace.LastBatch, clock);
        try
        {
            await TellSourceAsync(patience.Token);
            await source.HandBackAsync(_desk.Held, patience.Token);
        }
        catch (OperationCanceledException)
        {
            // The source is away: it will find out by itself that nobody holds them any more.
        }
    }
}

/// <summary>How a dispatcher goes about it.</summary>
/// <param name="Buffer">Events it holds at most.</param>
/// <param name="BatchSize">Events that a sink is given at once, at most.</param>
/// <param name="Retention">For how long an event is tried.</param>
/// <param name="Wait">How long it waits for an event.</param>
/// <param name="KeepEvery">How often it says what it holds.</param>
/// <param name="LastBatch">For how long the batch in hand may still take when it is time to stop.</param>
internal sealed record DispatcherPace(
    int Buffer, int BatchSize, TimeSpan Retention, TimeSpan Wait, TimeSpan KeepEvery, TimeSpan LastBatch);
