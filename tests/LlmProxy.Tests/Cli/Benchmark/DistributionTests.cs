using CsCheck;
using LlmProxy.Cli.Benchmark;
using Xunit;

namespace LlmProxy.Tests.Cli.Benchmark;

public sealed class DistributionTests
{
    // From a tenth of a microsecond to the greatest, each power of ten as often as the next.
    private static readonly Gen<long[]> Ticks =
        Gen.Double[0, Math.Log10(Distribution.ValueMax.Ticks)].Select(static power => (long)Math.Pow(10, power))
            .Array[1, 400];

    [Fact]
    public void A_percentile_is_that_of_the_sorted_values_and_at_most_a_thousandth_above_it() =>
        Gen.Select(Ticks, Gen.Double[0.01, 100]).Sample(static (values, percent) =>
        {
            var sorted = values.Order().ToArray();
            var exact = sorted[Math.Max((int)Math.Ceiling((decimal)percent * values.Length / 100), 1) - 1];

            var told = Of(values).At(percent).Ticks;

            Assert.InRange(told, exact, exact * (1 + Distribution.RelativeErrorMax));
        });

    [Fact]
    public void The_least_the_greatest_and_the_mean_are_exact() => Ticks.Sample(static values =>
    {
        var spread = Of(values).Summarise()!;

        Assert.Equal(values.Length, spread.Count);
        Assert.Equal(MillisecondsOf(values.Min()), spread.Min, 0.0001);
        Assert.Equal(MillisecondsOf(values.Max()), spread.Max, 0.0001);
        Assert.Equal(MillisecondsOf((long)values.Average()), spread.Mean, 0.001);
    });

    [Fact]
    public void Percentiles_of_one_to_a_thousand_are_what_one_expects()
    {
        var spread = Of([.. Enumerable.Range(1, 1000).Select(static i => i * TimeSpan.TicksPerMillisecond)])
            .Summarise()!;

        double[] told = [spread.P50, spread.P75, spread.P90, spread.P95, spread.P99, spread.P999, spread.Max];
        double[] exact = [500, 750, 900, 950, 990, 999, 1000];
        Assert.All(told.Zip(exact), static pair => Assert.InRange(pair.First, pair.Second, pair.Second * 1.001));
    }

    [Fact]
    public void What_no_clock_should_say_is_held_within_bounds()
    {
        var distribution = Of([-5, TimeSpan.FromDays(2).Ticks]);

        Assert.Equal(TimeSpan.Zero, distribution.At(50));
        Assert.Equal(Distribution.ValueMax, distribution.At(100));
    }

    [Fact]
    public void Nothing_has_no_spread()
    {
        Assert.Null(new Distribution().Summarise());
        Assert.Equal(TimeSpan.Zero, new Distribution().At(99));
    }

    private static Distribution Of(long[] ticks)
    {
        var distribution = new Distribution();
        Array.ForEach(ticks, value => distribution.Add(TimeSpan.FromTicks(value)));
        return distribution;
    }

    private static double MillisecondsOf(long ticks) => TimeSpan.FromTicks(ticks).TotalMilliseconds;
}
