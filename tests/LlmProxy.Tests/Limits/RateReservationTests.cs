using CsCheck;
using LlmProxy.Limits;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LlmProxy.Tests.Limits;

/// <summary>Units that are reserved first, and used or not when a request is over.</summary>
public sealed class RateReservationTests
{
    private readonly FakeTimeProvider _clock = new();

    private enum Act
    {
        Reserve,
        Settle,
        Wait,
    }

    [Fact]
    public void In_no_interval_more_is_used_than_the_limit_and_its_share_of_the_time()
    {
        var step = Gen.Select(
            Gen.Frequency((6, Gen.Const(Act.Reserve)), (6, Gen.Const(Act.Settle)), (3, Gen.Const(Act.Wait))),
            Gen.Int[0, 100]);

        Gen.Select(Gen.Int[1, 1_000], step.Array[1, 80]).Sample(Play, iter: 10_000, threads: 1);
    }

    [Fact]
    public void What_many_reserve_for_long_and_do_not_use_is_lost_to_nobody()
    {
        var window = new RateWindow(100_000, _clock);

        for (var round = 0; round < 1_000; round++)
        {
            for (var request = 0; request < 32; request++)
            {
                Assert.True(window.TryReserve(3_000, out _), $"Refused in round {round}.");
            }

            _clock.Advance(TimeSpan.FromSeconds(1));
            for (var request = 0; request < 32; request++)
            {
                window.Settle(3_000, 50);
            }
        }
    }

    [Fact]
    public void What_is_reserved_does_not_flow_off()
    {
        var window = new RateWindow(100, _clock);
        Assert.True(window.TryReserve(100, out _));

        _clock.Advance(TimeSpan.FromMinutes(10));

        Assert.False(window.TryReserve(1, out var wait));
        Assert.Equal(TimeSpan.FromSeconds(1), wait);
        Assert.Equal((0, false), (window.Remaining, window.IsAtRest));
        window.Settle(100, 0);
        Assert.Equal((100, true), (window.Remaining, window.IsAtRest));
    }

    [Fact]
    public void Threads_that_reserve_at_once_never_hold_more_than_the_limit()
    {
        var window = new RateWindow(100, _clock);
        var (held, most) = (0, 0);

        Parallel.For(0, 8, _ =>
        {
            for (var i = 0; i < 20_000; i++)
            {
                if (window.TryReserve(15, out var _))
                {
                    var now = Interlocked.Add(ref held, 15);
                    InterlockedMax(ref most, now);
                    Interlocked.Add(ref held, -15);
                    window.Settle(15, 0);
                }
            }
        });

        Assert.InRange(most, 15, 100);
        Assert.Equal(100, window.Remaining);
    }

    private static void InterlockedMax(ref int most, int value)
    {
        int seen;
        while ((seen = Volatile.Read(ref most)) < value)
        {
            Interlocked.CompareExchange(ref most, value, seen);
        }
    }

    private static void Play((int Limit, (Act Act, int Amount)[] Steps) play)
    {
        var clock = new FakeTimeProvider();
        var window = new RateWindow(play.Limit, clock);
        var start = clock.GetTimestamp();
        var open = new Queue<long>();
        var used = new List<(TimeSpan At, long Units)>();
        foreach (var (act, amount) in play.Steps)
        {
            switch (act)
            {
                case Act.Reserve:
                    var wanted = 1 + (play.Limit * amount / 100);
                    if (window.TryReserve(wanted, out _))
                    {
                        open.Enqueue(wanted);
                    }

                    break;
                case Act.Settle when open.TryDequeue(out var reserved):
                    var units = reserved * amount / 100;
                    window.Settle(reserved, units);
                    used.Add((clock.GetElapsedTime(start), units));
                    break;
                default:
                    clock.Advance(TimeSpan.FromSeconds(amount / 4.0));
                    break;
            }
        }

        for (var first = 0; first < used.Count; first++)
        {
            var sum = 0L;
            for (var last = first; last < used.Count; last++)
            {
                sum += used[last].Units;
                var time = used[last].At - used[first].At;
                Assert.True(sum <= play.Limit * (1 + time.TotalMinutes) + 1e-6, $"{sum} in {time} of {play.Limit}.");
            }
        }
    }
}
