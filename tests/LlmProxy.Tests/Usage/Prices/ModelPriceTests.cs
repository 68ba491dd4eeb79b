using CsCheck;
using LlmProxy.Usage;
using LlmProxy.Usage.Prices;
using Xunit;

namespace LlmProxy.Tests.Usage.Prices;

public sealed class ModelPriceTests
{
    private const long DearestMax = 1_000_000_000_000; // pico-dollars: a million dollars a million tokens

    private static readonly Gen<long> AnyPrice = Gen.OneOf(Gen.Long[0, 100_000_000], Gen.Long[0, DearestMax]);
    private static readonly Gen<long> AnyTokens = Gen.OneOf(Gen.Long[0, 9], Gen.Long[0, UsageReport.TokensMax]);

    private static readonly Gen<TokenPrices> AnyPrices = AnyPrice.Array[7].Select(
        static all => new TokenPrices(all[0], all[1], all[2], all[3], all[4], all[5], all[6]));

    private static readonly Gen<ModelPrice> AnyModel =
        Gen.Select(AnyPrices, AnyPrices, AnyTokens, Gen.Bool).Select(static (usual, more, above, isLong) =>
            new ModelPrice(usual, null, null, isLong ? new LongPromptPrices(above, more) : null));

    // Parts that do not add up and numbers that none should send are reports, too.
    private static readonly Gen<UsageReport> AnyReport =
        Gen.OneOf(AnyTokens, Gen.Long[-9, -1]).Array[7].Select(static all => new UsageReport(
            UsageSource.Reported, all[0], all[1], all[2], all[3], all[4], all[5], all[6]));

    private static readonly Gen<UsageReport> HonestReport = AnyTokens.Array[7].Select(static all => new UsageReport(
        UsageSource.Reported, all[0] + all[1] + all[2] + all[3], all[4] + all[5] + all[6],
        all[1], all[2], all[3], all[5], all[6]));

    [Fact]
    public void A_cost_is_what_decimal_arithmetic_says()
    {
        Gen.Select(AnyPrices, HonestReport).Sample(static (prices, usage) =>
        {
            var picos = (decimal)(usage.Prompt - usage.Cached - usage.CacheWritten - usage.AudioPrompt) * prices.Input
                + ((decimal)usage.Cached * prices.CachedInput!.Value)
                + ((decimal)usage.CacheWritten * prices.CacheWrite!.Value)
                + ((decimal)usage.AudioPrompt * prices.AudioInput!.Value)
                + ((decimal)(usage.Completion - usage.Reasoning - usage.AudioCompletion) * prices.Output!.Value)
                + ((decimal)usage.Reasoning * prices.Reasoning!.Value)
                + ((decimal)usage.AudioCompletion * prices.AudioOutput!.Value);
            var micros = decimal.Round(picos / 1_000_000, 0, MidpointRounding.AwayFromZero);

            return new ModelPrice(prices, null, null).CostOf(usage) == (long)micros;
        });
    }

    [Fact]
    public void No_report_costs_more_than_the_upper_bound_of_its_tokens()
    {
        Gen.Select(AnyModel, AnyReport).Sample(static (model, usage) =>
            model.CostOf(usage) is >= 0 and var cost && cost <= model.UpperBound(usage.Prompt, usage.Completion));
    }

    [Fact]
    public void More_tokens_never_have_a_lower_bound()
    {
        Gen.Select(AnyModel, AnyTokens, AnyTokens, AnyTokens).Sample(static (model, prompt, completion, more) =>
            model.UpperBound(prompt + more, completion) >= model.UpperBound(prompt, completion)
            && model.UpperBound(prompt, completion + more) >= model.UpperBound(prompt, completion));
    }

    [Theory]
    [InlineData(1, 3)] // 2.5 micro-dollars
    [InlineData(2, 5)]
    [InlineData(3, 8)] // 7.5
    [InlineData(0, 0)]
    public void Half_a_micro_dollar_is_rounded_up_once(long prompt, long micros)
    {
        var price = Given.Table("input: 2.5").Find("some", null)!;

        Assert.Equal(micros, price.CostOf(new UsageReport(UsageSource.Reported, prompt, 0)));
    }

    [Theory]
    [InlineData("0.499999", 0, 1)]
    [InlineData("0.5", 1, 1)]
    [InlineData("1.000001", 1, 2)]
    public void A_bound_is_rounded_up(string dollars, long cost, long bound)
    {
        var price = Given.Table($"input: {dollars}").Find("some", null)!;

        Assert.Equal(cost, price.CostOf(new UsageReport(UsageSource.Reported, 1, 0)));
        Assert.Equal(bound, price.UpperBound(1, 0));
    }

    [Theory]
    [InlineData(10, 0, 0, 0, 0, 0, 0, 10L)]
    [InlineData(0, 0, 0, 0, 0, 0, 0, 0L)]
    [InlineData(10, 0, 4, 0, 0, 0, 0, null)]
    [InlineData(10, 0, 0, 4, 0, 0, 0, null)]
    [InlineData(10, 0, 0, 0, 4, 0, 0, null)]
    [InlineData(10, 4, 0, 0, 0, 0, 0, null)]
    [InlineData(10, 4, 0, 0, 0, 4, 0, null)]
    [InlineData(10, 4, 0, 0, 0, 0, 4, null)]
    public void Tokens_without_a_price_make_the_cost_unknown(
        long prompt, long completion, long cached, long written, long audioIn, long reasoning, long audioOut,
        long? cost)
    {
        var price = Given.Table("input: 1").Find("some", null)!;

        Assert.Equal(cost, price.CostOf(new UsageReport(
            UsageSource.Reported, prompt, completion, cached, written, audioIn, reasoning, audioOut)));
    }

    [Theory]
    [InlineData(100, 100 + 10)]
    [InlineData(101, 202 + 30)]
    public void A_long_prompt_makes_the_whole_exchange_dearer(long prompt, long micros)
    {
        var price = Given.Table("input: 1\n    output: 1\n    long_prompt: {above: 100, input: 2, output: 3}")
            .Find("some", null)!;

        Assert.Equal(micros, price.CostOf(new UsageReport(UsageSource.Reported, prompt, 10)));
        Assert.Equal(micros, price.UpperBound(prompt, 10));
    }

    [Fact]
    public void A_bound_beyond_all_numbers_is_the_greatest_one()
    {
        var price = new ModelPrice(new TokenPrices(DearestMax, null, null, null, null, null, null), null, null);

        Assert.Equal(long.MaxValue, price.UpperBound(long.MaxValue, long.MaxValue));
    }
}
