using LlmProxy.Usage;
using LlmProxy.Usage.Statistics;
using Xunit;

namespace LlmProxy.Tests.Usage.Statistics;

public sealed class UsageBookTests
{
    private static readonly long Noon = Meter.Noon.ToUnixTimeMilliseconds();

    [Theory]
    [InlineData(200, false, 100, 75L, "Reported", "0 0 0 0 0")]
    [InlineData(200, false, 100, null, "Reported", "0 0 1 0 0")]
    [InlineData(200, false, 0, null, "Unknown", "0 0 0 0 1")]
    [InlineData(200, false, 100, 75L, "Counted", "0 0 0 1 0")]
    [InlineData(404, false, 0, null, "Unknown", "0 1 0 0 0")]
    [InlineData(429, true, 0, null, "Unknown", "1 0 0 0 0")]
    public void An_exchange_counts_for_what_it_is(
        int status, bool isRefused, long prompt, long? cost, string source, string counts)
    {
        var book = new UsageBook();

        book.Add(Exchange("gpt-4o") with
        {
            Status = status,
            IsRefused = isRefused,
            CostMicros = cost,
            Usage = new UsageReport(Enum.Parse<UsageSource>(source), prompt, 0),
        });

        var row = Assert.Single(book.Take(10));
        Assert.Equal(1, row.Requests);
        Assert.Equal(counts, string.Join(' ', row.Refused, row.Errors, row.Unpriced, row.Counted, row.Unmeasured));
    }

    [Theory]
    [InlineData(null, "")]
    [InlineData("", "")]
    [InlineData("gpt-4o", "gpt-4o")]
    [InlineData("modèle", "modèle")]
    [InlineData("a\nb", "other")]
    [InlineData("a\u0085b", "other")]
    [InlineData("\ud83d\ude00", "other")]
    public void A_name_is_a_label_when_it_can_be_one(string? model, string label)
    {
        Assert.Equal(label, new ModelLabels().Of(Meter.Token, 0, model));
    }

    [Fact]
    public void A_name_that_is_too_long_is_none()
    {
        var labels = new ModelLabels();

        Assert.Equal(128, labels.Of(Meter.Token, 0, new string('a', 128)).Length);
        Assert.Equal("other", labels.Of(Meter.Token, 0, new string('a', 129)));
    }

    [Fact]
    public void A_token_has_two_hundred_names_in_a_minute_and_the_rest_is_one_row()
    {
        var book = new UsageBook();
        for (var i = 0; i < 1_000; i++)
        {
            book.Add(Exchange($"made up {i}"));
            book.Add(Exchange($"made up {i}"));
            book.Add(Exchange($"made up {i}") with { TokenId = Guid.Empty });
            book.Add(Exchange($"made up {i}") with { Time = Noon + 60_000 });
        }

        var rows = book.Take(10_000);

        Assert.Equal(3 * 201, rows.Count);
        Assert.Equal(4_000, rows.Sum(static row => row.Requests));
    }

    [Fact]
    public void Names_are_forgotten_after_their_minute()
    {
        var labels = new ModelLabels();
        for (var minute = 0; minute < 1_000; minute++)
        {
            for (var i = 0; i < 200; i++)
            {
                var name = $"made up {i}";
                Assert.Equal(name, labels.Of(Meter.Token, minute * 60_000L, name));
            }
        }
    }

    [Fact]
    public void What_finds_no_place_goes_to_other_models_and_is_counted_when_there_is_none()
    {
        var book = new UsageBook { SumsMax = 2 };
        book.Add(Exchange("other"));
        book.Add(Exchange("a"));
        book.Add(Exchange("b"));
        book.Add(Exchange("c") with { TokenId = Guid.Empty });

        Assert.Equal((1, 0), (book.TakeLost(), book.TakeLost()));
        Assert.Equal([("other", 2L), ("a", 1L)], book.Take(10).Select(static row => (row.Model, row.Requests)));
    }

    [Theory]
    [InlineData("Minute", 59_999, 0, 60_000)]
    [InlineData("Minute", 60_000, 60_000, 60_000)]
    [InlineData("Hour", 3_600_001, 3_600_000, 7_200_000)]
    [InlineData("Day", -1, -86_400_000, 0)]
    public void Times_are_rounded_to_intervals(string name, long time, long floor, long ceiling)
    {
        var interval = Enum.Parse<UsageInterval>(name);

        Assert.Equal((floor, ceiling), (interval.Floor(time), interval.Ceiling(time)));
    }

    private static ExchangeUsage Exchange(string model) => new(
        Noon, Meter.Token, Meter.Token, "openai", model, new UsageReport(UsageSource.Reported, 1, 1), 1, false, 200);
}
