using LlmProxy.Usage.Prices;
using Xunit;

namespace LlmProxy.Tests.Usage.Prices;

public sealed class PriceFileTests
{
    [Fact]
    public void Prices_are_read_to_the_sixth_decimal()
    {
        var price = Find("input: 0.000001\n    output: \"12.345678\"");

        Assert.Equal((1, 12_345_678, 12_345_678), (price.Tokens.Input, price.Tokens.Output, price.Tokens.Reasoning));
        Assert.Equal((null, null, null), (price.Tokens.CachedInput, price.Tokens.AudioInput, price.LongPrompt));
    }

    [Fact]
    public void A_tier_has_its_own_prices_and_the_limits_of_its_model()
    {
        var table = Given.Table("""
            input: 2
                tiers:
                  flex: {input: 1, reasoning: 3, output: 2}
                max_output_tokens: 100
                context_window: 1000
            """);

        var flex = table.Find("some", "flex")!;

        Assert.Equal(
            new ModelPrice(new TokenPrices(1_000_000, null, null, 2_000_000, 3_000_000, null, null), 100, 1_000), flex);
    }

    [Theory]
    [InlineData("input: -1", "prices.yaml:6:12: models.some.input must be dollars per million tokens")]
    [InlineData("input: 1.0000001", "prices.yaml:6:12: models.some.input must be dollars per million tokens")]
    [InlineData("input: 1e3", "prices.yaml:6:12: models.some.input must be dollars per million tokens")]
    [InlineData("input: 1,5", "prices.yaml:6:12: models.some.input must be dollars per million tokens")]
    [InlineData("input: $1", "prices.yaml:6:12: models.some.input must be dollars per million tokens")]
    [InlineData("input: 1000001", "prices.yaml:6:12: models.some.input must be dollars per million tokens")]
    [InlineData("input: [1]", "prices.yaml:6:12: models.some.input must be a single value.")]
    [InlineData("output: 1", "prices.yaml:6:5: models.some.input is missing.")]
    [InlineData("input: 1\n    outptu: 2", "prices.yaml:7:5: models.some.outptu is not a setting")]
    [InlineData("input: 1\n    input: 2", "prices.yaml:7:5: the key 'input' is there twice.")]
    [InlineData("input: 1\n    tiers: {turbo: {input: 1}}", "prices.yaml:7:13: models.some.tiers.turbo is not a")]
    [InlineData("input: 1\n    tiers: {flex: {output: 1}}", "models.some.tiers.flex.input is missing.")]
    [InlineData("input: 1\n    also: [some]", "prices.yaml:7:12: models: 'some' is there twice.")]
    [InlineData("input: 1\n    also: [\"a[\"]", "prices.yaml:7:12: models: the name 'a[' has a '[' without a ']'.")]
    [InlineData("input: 1\n    context_window: 0", "prices.yaml:7:21: models.some.context_window must be a whole")]
    [InlineData("input: 1\n    max_output_tokens: 4k", "models.some.max_output_tokens must be a whole number")]
    [InlineData("input: 1\n    long_prompt: {input: 2}", "models.some.long_prompt.above is missing.")]
    [InlineData("input: 1\n    long_prompt: {above: 9, input: 2, x: 1}", "models.some.long_prompt.x is not a setting")]
    public void A_mistake_is_named_with_its_place(string lines, string complaint)
    {
        Assert.Contains(complaint, Assert.Single(Given.Complaints(Given.FileWith(lines))), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("version: 1", "version: 2", "prices.yaml:1:10: version must be 1")]
    [InlineData("version: 1\n", "", "prices.yaml:1:1: version must be 1")]
    [InlineData("currency: USD", "currency: EUR", "prices.yaml:3:11: currency must be USD")]
    [InlineData("date: 2026-01-31", "date: 31.1.2026", "prices.yaml:2:7: date must be the day of the prices")]
    [InlineData("date: 2026-01-31", "date: 2026-02-30", "prices.yaml:2:7: date must be the day of the prices")]
    [InlineData("models:", "modles:", "prices.yaml:4:1: modles is not a setting")]
    public void So_is_one_of_the_head(string right, string wrong, string complaint)
    {
        var yaml = Given.FileWith("input: 1").Replace(right, wrong, StringComparison.Ordinal);

        Assert.Contains(Given.Complaints(yaml), said => said.StartsWith(complaint, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("")]
    [InlineData("- a list")]
    [InlineData("version: 1\ndate: 2026-01-31\ncurrency: USD\nmodels: {}")]
    [InlineData("version: 1\ndate: 2026-01-31\ncurrency: USD\nmodels: {some: }")]
    [InlineData("version: 1\ndate: 2026-01-31\ncurrency: USD\nmodels: {some: 5}")]
    [InlineData("version: [\n")]
    public void A_file_without_prices_is_no_price_file(string yaml)
    {
        Assert.NotEmpty(Given.Complaints(yaml));
    }

    private static ModelPrice Find(string lines) => Given.Table(lines).Find("some", null)!;
}
