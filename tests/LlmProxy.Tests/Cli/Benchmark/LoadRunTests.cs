using LlmProxy.Cli.Benchmark;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LlmProxy.Tests.Cli.Benchmark;

/// <summary>Time goes on only while the pacer sleeps, so that everything here is exact.</summary>
public sealed class LoadRunTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan TenMilliseconds = TimeSpan.FromMilliseconds(10);

    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 1, 2, 12, 0, 0, TimeSpan.Zero));
    private readonly TaskCompletionSource _answers = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_open_loop_keeps_its_pace_while_no_answer_comes()
    {
        var started = _clock.GetTimestamp();
        var dues = new List<long>();
        var allAsked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        var running = RunAsync(new LoadShape(50, 100, 50, null, Patience), new Tally(_clock), async (dueAt, _) =>
        {
            lock (dues)
            {
                dues.Add(dueAt);
                if (dues.Count == 50)
                {
                    allAsked.SetResult();
                }
            }

            await _answers.Task;
            return Answered();
        });
        await allAsked.Task.WaitAsync(Stop);

        Assert.False(running.IsCompleted);
        Assert.Equal(
            Enumerable.Range(0, 50).Select(static i => i * TenMilliseconds),
            dues.Order().Select(due => _clock.GetElapsedTime(started, due)));
        _answers.SetResult();
        await running;
    }

    [Fact]
    public async Task A_stall_is_seen_in_every_request_that_it_held_up()
    {
        var tally = new Tally(_clock);

        await RunWithStallAsync(new LoadShape(1, 100, 20, null, Patience), tally);

        var report = ReportOf(tally);
        Assert.Equal(20, report.Succeeded);

        // The answer to the first comes after 190 ms, and all others behind it at once: 190, 180, … 0.
        Assert.Equal((190, 95), (report.LatencyMs!.Max, report.LatencyMs.Mean));
        Assert.InRange(report.LatencyMs.P50, 90, 90.1);
        Assert.Equal((180, 85.5), (report.SendDelayMs!.Max, report.SendDelayMs.Mean));

        // From the sending on, nineteen of them look as if nothing had been.
        Assert.Equal((190, 0), (report.ServiceMs!.Max, report.ServiceMs.P95));
    }

    [Fact]
    public async Task What_found_no_connection_in_its_time_is_given_up_and_counted()
    {
        var tally = new Tally(_clock);

        await RunWithStallAsync(new LoadShape(1, 100, 20, null, TimeSpan.FromMilliseconds(100)), tally);

        // When the first is answered, the next nine have waited 100 ms and more.
        var report = ReportOf(tally);
        Assert.Equal((11, 9, 9), (report.Succeeded, report.Failed, report.Failures["not_sent"]));
        Assert.Contains("--concurrency", report.FirstFailures["not_sent"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_open_loop_sends_what_is_due_within_its_duration()
    {
        var tally = new Tally(_clock);

        var elapsed = await RunAsync(
            new LoadShape(4, 100, null, TimeSpan.FromSeconds(1), Patience), tally, AnswerAtOnceAsync);

        Assert.Equal((100, TimeSpan.FromMilliseconds(990)), (tally.Finished, elapsed));
    }

    [Fact]
    public async Task A_closed_loop_has_as_many_open_as_it_may_and_never_more()
    {
        var (open, most) = (0, 0);
        var tally = new Tally(_clock);

        await RunAsync(new LoadShape(3, null, 30, null, Patience), tally, async (_, _) =>
        {
            lock (_answers)
            {
                most = Math.Max(most, ++open);
                if (open == 3)
                {
                    _answers.TrySetResult();
                }
            }

            await _answers.Task.WaitAsync(Stop);
            await Task.Yield();
            lock (_answers)
            {
                open--;
            }

            return Answered();
        });

        Assert.Equal((3, 30), (most, tally.Finished));
    }

    [Fact]
    public async Task A_closed_loop_begins_nothing_once_its_time_is_up()
    {
        var tally = new Tally(_clock);

        var elapsed = await RunAsync(new LoadShape(1, null, null, TimeSpan.FromSeconds(1), Patience), tally, (_, _) =>
        {
            _clock.Advance(TimeSpan.FromMilliseconds(300));
            return Task.FromResult<Answer?>(Answered());
        });

        Assert.Equal((4, TimeSpan.FromMilliseconds(1200)), (tally.Finished, elapsed));
    }

    [Theory]
    [InlineData(null)]
    [InlineData(100.0)]
    public async Task What_comes_first_of_number_and_time_ends_it(double? rate)
    {
        var tally = new Tally(_clock);

        await RunAsync(new LoadShape(1, rate, 7, TimeSpan.FromHours(1), Patience), tally, AnswerAtOnceAsync);

        Assert.Equal(7, tally.Finished);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(1000.0)]
    public async Task It_can_be_broken_off_and_says_what_was_open(double? rate)
    {
        using var stop = new CancellationTokenSource();
        var open = 0;
        var tally = new Tally(_clock);
        var shape = new LoadShape(2, rate, null, TimeSpan.FromHours(1), TimeSpan.FromHours(2));

        await RunAsync(shape, tally, Ask, stop.Token);

        var report = ReportOf(tally);
        Assert.Equal((0, 2), (report.Requests, report.Unfinished));

        async Task<Answer?> Ask(long dueAt, CancellationToken token)
        {
            if (Interlocked.Increment(ref open) == 2)
            {
                await stop.CancelAsync();
            }

            await Task.WhenAny(Task.Delay(Timeout.Infinite, token));
            return null;
        }
    }

    [Fact]
    public async Task It_tells_how_much_is_done()
    {
        var shares = new List<double>();
        var tally = new Tally(_clock);
        LoadRun load = null!;
        load = new LoadRun(
            new LoadShape(1, null, 4, null, Patience),
            (_, _) =>
            {
                shares.Add(load.Share);
                return Task.FromResult<Answer?>(Answered());
            },
            tally,
            _clock,
            _clock.Advance);

        await load.RunAsync(Stop);

        Assert.Equal([0, 0.25, 0.5, 0.75], shares);
        Assert.Equal(1, load.Share);
    }

    /// <summary>The first answer comes when the last request is due, all others at once.</summary>
    private async Task<TimeSpan> RunWithStallAsync(LoadShape shape, Tally tally)
    {
        using var firstIsSent = new ManualResetEventSlim();
        var started = _clock.GetTimestamp();
        var load = new LoadRun(
            shape,
            async (dueAt, _) =>
            {
                var sentAt = _clock.GetTimestamp();
                firstIsSent.Set();
                await (dueAt == started ? _answers.Task : Task.CompletedTask);
                return new Answer { SentAt = sentAt, EndedAt = _clock.GetTimestamp(), Status = 200 };
            },
            tally,
            _clock,
            sleep: time =>
            {
                firstIsSent.Wait(Stop);
                _clock.Advance(time);
                if (_clock.GetElapsedTime(started) == TimeSpan.FromMilliseconds(190))
                {
                    _answers.SetResult();
                }
            });
        return await load.RunAsync(Stop);
    }

    private Task<TimeSpan> RunAsync(
        LoadShape shape,
        Tally tally,
        Func<long, CancellationToken, Task<Answer?>> ask,
        CancellationToken? stop = null) =>
        new LoadRun(shape, ask, tally, _clock, _clock.Advance).RunAsync(stop ?? Stop);

    private Task<Answer?> AnswerAtOnceAsync(long dueAt, CancellationToken stop) =>
        Task.FromResult<Answer?>(Answered());

    private Answer Answered() => new()
    {
        SentAt = _clock.GetTimestamp(),
        EndedAt = _clock.GetTimestamp(),
        Status = 200,
    };

    private static BenchmarkReport ReportOf(Tally tally) => tally.Report(
        new BenchmarkRequest(HttpMethod.Get, new Uri("http://h/"), null, streams: false),
        new LoadShape(1, null, 1, null, Patience), TimeSpan.FromSeconds(1), isInterrupted: false);
}
