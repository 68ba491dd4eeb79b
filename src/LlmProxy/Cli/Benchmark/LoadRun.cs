namespace LlmProxy.Cli.Benchmark;

/// <summary>
/// Asks as a <see cref="LoadShape"/> says, once, and hands every outcome to a <see cref="Tally"/>.
/// </summary>
/// <remarks>
/// In an open loop a pacer on a thread of its own says when the next request is due, and as many askers as may be open
/// at once take them one by one. When all askers wait for answers, due times pass and are taken late; what is measured
/// still begins at the due time, so that a stall is seen in every request that it held up, and not only in the few that
/// were open (what Gil Tene calls coordinated omission). Nothing queues up but a number.
/// </remarks>
/// <param name="shape">How much, how fast.</param>
/// <param name="ask">
/// Sends a request that was due at a timestamp of the clock; null when it was broken off by the token.
/// </param>
/// <param name="tally">Where outcomes go.</param>
/// <param name="clock">Measures.</param>
/// <param name="sleep">Blocks its thread for about so long; ends early when it likes.</param>
internal sealed class LoadRun(
    LoadShape shape,
    Func<long, CancellationToken, Task<Answer?>> ask,
    Tally tally,
    TimeProvider clock,
    Action<TimeSpan> sleep)
{
    // So soon the pacer notices that it is to stop.
    private static readonly TimeSpan NapMax = TimeSpan.FromMilliseconds(50);

    private long _startedAt;

    // How many requests the askers have taken. Interlocked only.
    private long _taken;

    /// <summary>How much of it is done, from 0 to 1.</summary>
    public double Share => Math.Min(1, Math.Max(
        tally.Finished / (double)(shape.RequestsMax ?? long.MaxValue),
        shape.Duration is { } duration && _startedAt != 0 ? clock.GetElapsedTime(_startedAt) / duration : 0));

    /// <summary>Returns when everything was answered or given up, or broken off; how long that took.</summary>
    public async Task<TimeSpan> RunAsync(CancellationToken stop)
    {
        _startedAt = clock.GetTimestamp();
        await (shape.Rate is { } rate ? RunOpenAsync(new ArrivalSchedule(rate), stop) : RunClosedAsync(stop));
        return clock.GetElapsedTime(_startedAt);
    }

    private Task RunClosedAsync(CancellationToken stop)
    {
        var total = shape.RequestsMax ?? long.MaxValue;
        return Task.WhenAll(Askers(total, () => AskInTurnAsync(total, stop)));
    }

    private async Task AskInTurnAsync(long total, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested && !TimeIsUp() && Interlocked.Increment(ref _taken) <= total)
        {
            var now = clock.GetTimestamp();
            tally.Add(now, await ask(now, stop));
        }
    }

    private bool TimeIsUp() => shape.Duration is { } duration && clock.GetElapsedTime(_startedAt) >= duration;

    private async Task RunOpenAsync(ArrivalSchedule schedule, CancellationToken stop)
    {
        var total = Math.Min(
            shape.RequestsMax ?? long.MaxValue,
            shape.Duration is { } duration ? schedule.CountWithin(duration) : long.MaxValue);
        using var due = new SemaphoreSlim(0);
        var askers = Askers(total, () => AskWhenDueAsync(schedule, total, due, stop));
        var pacing = Task.Factory.StartNew(
            () => Pace(schedule, total, due, askers.Length, stop),
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
        await Task.WhenAll([pacing, .. askers]);
    }

    private void Pace(ArrivalSchedule schedule, long total, SemaphoreSlim due, int askers, CancellationToken stop)
    {
        for (var index = 0L; index < total && !stop.IsCancellationRequested;)
        {
            var wait = schedule.DueOf(index) - clock.GetElapsedTime(_startedAt);
            if (wait > TimeSpan.Zero)
            {
                sleep(wait < NapMax ? wait : NapMax);
                continue;
            }

            due.Release();
            index++;
        }

        // Each of them finds that nothing is left.
        due.Release(askers);
    }

    private async Task AskWhenDueAsync(
        ArrivalSchedule schedule, long total, SemaphoreSlim due, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            await due.WaitAsync(CancellationToken.None);
            var index = Interlocked.Increment(ref _taken) - 1;
            if (index >= total || stop.IsCancellationRequested)
            {
                return;
            }

            var dueAt = _startedAt + TimestampsOf(schedule.DueOf(index));
            if (clock.GetElapsedTime(dueAt) >= shape.Patience)
            {
                // Whoever waited for this answer has left before there was a connection to ask on.
                tally.AddUnsent();
                continue;
            }

            tally.Add(dueAt, await ask(dueAt, stop));
        }
    }

    private Task[] Askers(long total, Func<Task> ask) =>
        [.. Enumerable.Range(0, (int)Math.Min(shape.Concurrency, total)).Select(_ => Task.Run(ask))];

    private long TimestampsOf(TimeSpan time) =>
        (long)((Int128)time.Ticks * clock.TimestampFrequency / TimeSpan.TicksPerSecond);
}
