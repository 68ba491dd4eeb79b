using CsCheck;
using LlmProxy.Limits;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LlmProxy.Tests.Limits;

public sealed class RateWindowTests
{
    private static readonly long MinuteTicks = 60 * new FakeTimeProvider().TimestampFrequency;

    private readonly FakeTimeProvider _clock = new();

    private enum Act
    {
        Take,
        Wait,
        GiveBack,
        TakeMore,
    }

    [Fact]
    public void In_no_interval_more_than_the_limit_and_its_share_of_the_time_passes()
    {
        var step = Gen.Select(
            Gen.Frequency(
                (8, Gen.Const(Act.Take)), (6, Gen.Const(Act.Wait)), (3, Gen.Const(Act.GiveBack)),
                (1, Gen.Const(Act.TakeMore))),
            Gen.Long[0, 1_000_000]);
        var limit = Gen.OneOf(Gen.Long[1, 5], Gen.Long[6, 1_000], Gen.Long[999_999_000, RateWindow.PerMinuteMax]);

        Gen.Select(limit, step.Array[1, 80]).Sample(Run, iter: 20_000, threads: 1);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(450)]
    [InlineData(99_991)]
    public void The_whole_minutes_worth_comes_one_by_one_at_once(int limit)
    {
        var window = new RateWindow(limit, _clock);

        Assert.Equal(limit, Enumerable.Range(0, 2 * limit).Count(_ => window.TryTake(1, out var _)));
        Assert.Equal(0, window.Remaining);
    }

    [Fact]
    public void Threads_that_take_at_once_get_the_limit_and_not_one_more()
    {
        var window = new RateWindow(1_000, _clock);
        var passed = 0;

        Parallel.For(0, 8, _ =>
        {
            for (var i = 0; i < 1_000; i++)
            {
                Interlocked.Add(ref passed, window.TryTake(1, out var _) ? 1 : 0);
            }
        });

        Assert.Equal(1_000, passed);
    }

    [Fact]
    public void Lets_the_next_unit_pass_when_it_said_that_it_would()
    {
        var window = new RateWindow(7, _clock);
        Assert.True(window.TryTake(7, out _));

        Assert.False(window.TryTake(1, out var wait));
        _clock.Advance(wait - TimeSpan.FromMilliseconds(1));
        Assert.False(window.TryTake(1, out _));
        _clock.Advance(TimeSpan.FromMilliseconds(1));

        Assert.True(window.TryTake(1, out _));
        Assert.InRange(wait.TotalSeconds, 60.0 / 7, 60.0 / 7 + 0.001);
    }

    [Fact]
    public void Never_lets_more_than_a_minutes_worth_pass_and_says_that_waiting_is_in_vain()
    {
        var window = new RateWindow(7, _clock);

        Assert.False(window.TryTake(8, out var wait));
        Assert.Equal(Timeout.InfiniteTimeSpan, wait);
        Assert.False(window.TryTake(long.MaxValue, out _));
        Assert.True(window.TryTake(7, out _));
    }

    [Fact]
    public void Lets_what_it_says_remains_pass() =>
        Gen.Select(Gen.Long[1, 10_000], Gen.Double[0, 1], Gen.Int[0, 60_000]).Sample((limit, part, wait) =>
        {
            var clock = new FakeTimeProvider();
            var window = new RateWindow(limit, clock);
            window.TryTake((long)(limit * part), out _);
            clock.Advance(TimeSpan.FromMilliseconds(wait));

            Assert.True(window.TryTake(window.Remaining, out _));
            Assert.False(window.TryTake(window.Remaining + 1, out _));
        }, iter: 10_000, threads: 1);

    [Fact]
    public void Is_at_rest_when_everything_has_flowed_off()
    {
        var window = new RateWindow(60, _clock);
        window.TryTake(30, out _);
        var fullIn = window.FullIn;

        Assert.False(window.IsAtRest);
        _clock.Advance(fullIn);

        Assert.Equal(TimeSpan.FromSeconds(30), fullIn);
        Assert.True(window.IsAtRest);
        Assert.Equal(60, window.Remaining);
    }

    [Fact]
    public void A_wall_clock_that_jumps_changes_nothing()
    {
        var wall = new JumpingClock(_clock);
        var window = new RateWindow(60, wall);
        window.TryTake(60, out _);

        wall.Jump = TimeSpan.FromDays(365);
        Assert.False(window.TryTake(1, out _));
        wall.Jump = TimeSpan.FromDays(-365);
        _clock.Advance(TimeSpan.FromSeconds(1));

        Assert.True(window.TryTake(1, out _));
        Assert.False(window.TryTake(1, out _));
    }

    [Fact]
    public void A_correction_gives_back_at_once_what_was_not_used()
    {
        var window = new RateWindow(60, _clock);
        window.TryTake(60, out _);

        window.Correct(-20);

        Assert.Equal(20, window.Remaining);
    }

    [Fact]
    public void A_correction_upwards_counts_in_full_after_a_rest_too()
    {
        var window = new RateWindow(60, _clock);
        window.TryTake(1, out _);
        _clock.Advance(TimeSpan.FromHours(1));

        window.Correct(100);

        Assert.Equal(TimeSpan.FromSeconds(100), window.FullIn);
        Assert.False(window.TryTake(1, out var wait));
        Assert.Equal(TimeSpan.FromSeconds(41), wait);
    }

    [Fact]
    public void Corrections_without_end_do_not_overflow()
    {
        var window = new RateWindow(1, _clock);
        for (var i = 0; i < 20; i++)
        {
            window.Correct(long.MaxValue);
        }

        Assert.False(window.TryTake(1, out _));
        Assert.Equal(0, window.Remaining);
    }

    [Fact]
    public void Nobody_gets_twice_what_flowed_off_before_it_was_given_back()
    {
        var window = new RateWindow(60, _clock);
        var longAgo = _clock.GetTimestamp();
        window.TryTake(60, out _);
        _clock.Advance(TimeSpan.FromSeconds(30));
        Assert.True(window.TryTake(30, out _));

        window.GiveBack(60, longAgo);

        Assert.Equal(30, window.Remaining);
    }

    [Fact]
    public void A_copy_has_as_much_taken_and_goes_its_own_way()
    {
        var window = new RateWindow(60, _clock);
        window.TryTake(20, out _);

        var copy = window.Copy();
        copy.TryTake(10, out _);

        Assert.Equal((40L, 30L), (window.Remaining, copy.Remaining));
    }

    private static void Run(long limit, (Act Act, long Number)[] steps)
    {
        var clock = new FakeTimeProvider();
        var window = new RateWindow(limit, clock);
        var passed = new List<(long At, long Units)>();
        foreach (var (act, number) in steps)
        {
            var now = clock.GetTimestamp();
            switch (act)
            {
                case Act.Take when number % (limit + 1) is var units && window.TryTake(units, out _):
                    passed.Add((now, units));
                    break;
                case Act.Wait:
                    clock.Advance(TimeSpan.FromTicks(number * number / 3_000));
                    break;
                case Act.GiveBack when passed.Count > 0:
                    var index = (int)(number % passed.Count);
                    var part = number % 2 == 0 ? passed[index].Units : passed[index].Units / 2;
                    window.GiveBack(part, passed[index].At);
                    passed[index] = (passed[index].At, passed[index].Units - part);
                    break;
                case Act.TakeMore:
                    window.Correct(number % (2 * limit));
                    break;
                default:
                    break;
            }
        }

        AssertNoInterval(limit, passed);
    }

    private static void AssertNoInterval(long limit, List<(long At, long Units)> passed)
    {
        for (var from = 0; from < passed.Count; from++)
        {
            Int128 sum = 0;
            for (var to = from; to < passed.Count; to++)
            {
                sum += passed[to].Units;
                var most = (Int128)limit * (MinuteTicks + passed[to].At - passed[from].At);
                Assert.True(sum * MinuteTicks <= most, $"{sum} passed from {passed[from].At} to {passed[to].At}.");
            }
        }
    }

    /// <summary>A wall clock that is set anew while the monotonic clock goes on.</summary>
    private sealed class JumpingClock(TimeProvider steady) : TimeProvider
    {
        public TimeSpan Jump { get; set; }

        public override long TimestampFrequency => steady.TimestampFrequency;

        public override DateTimeOffset GetUtcNow() => steady.GetUtcNow() + Jump;

        public override long GetTimestamp() => steady.GetTimestamp();
    }
}
