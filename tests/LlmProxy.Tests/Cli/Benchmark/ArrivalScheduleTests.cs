using CsCheck;
using LlmProxy.Cli.Benchmark;
using Xunit;

namespace LlmProxy.Tests.Cli.Benchmark;

public sealed class ArrivalScheduleTests
{
    private static readonly Gen<double> Rates = Gen.Double[0.5, 100_000];

    [Fact]
    public void The_first_request_is_due_at_once() =>
        Rates.Sample(static rate => Assert.Equal(TimeSpan.Zero, new ArrivalSchedule(rate).DueOf(0)));

    [Fact]
    public void Due_times_do_not_drift_however_many_there_were() =>
        Gen.Select(Rates, Gen.Long[0, 10_000_000]).Sample(static (rate, index) =>
        {
            var exact = index * (decimal)TimeSpan.TicksPerSecond / (decimal)rate;

            Assert.InRange(new ArrivalSchedule(rate).DueOf(index).Ticks, exact - 2, exact + 2);
        });

    [Fact]
    public void A_time_holds_just_the_requests_that_are_due_before_its_end() =>
        Gen.Select(Rates, Gen.Int[1, 3_600_000]).Sample(static (rate, milliseconds) =>
        {
            var schedule = new ArrivalSchedule(rate);
            var duration = TimeSpan.FromMilliseconds(milliseconds);

            var count = schedule.CountWithin(duration);

            Assert.True(schedule.DueOf(count - 1) < duration);
            Assert.True(schedule.DueOf(count) >= duration);
        });

    [Theory]
    [InlineData(100, 10, 1000)]
    [InlineData(0.1, 30, 3)]
    [InlineData(3, 1, 3)]
    [InlineData(0.5, 1, 1)]
    public void It_counts_as_one_would_on_paper(double rate, int seconds, long count) =>
        Assert.Equal(count, new ArrivalSchedule(rate).CountWithin(TimeSpan.FromSeconds(seconds)));
}
