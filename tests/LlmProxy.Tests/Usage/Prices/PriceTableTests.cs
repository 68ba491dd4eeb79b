using LlmProxy.Settings;
using LlmProxy.Usage;
using LlmProxy.Usage.Prices;
using LlmProxy.Usage.Statistics;
using Xunit;

namespace LlmProxy.Tests.Usage.Prices;

public sealed class PriceTableTests : IDisposable
{
    private static readonly PriceTable Shipped = Options().Prices!;

    private readonly PriceTable _table = Given.Read("""
        version: 1
        date: 2026-01-31
        currency: USD
        models:
          "gpt-*": {input: 1}
          gpt-4o: {input: 2, also: ["gpt-4o-20*"]}
          gpt-4o-2024-05-13: {input: 3, tiers: {flex: {input: 4}}}
          "gpt-4o-2024-08-??": {input: 5}
        """);

    private readonly string _path = Path.GetTempFileName();

    private static CancellationToken Aborted => TestContext.Current.CancellationToken;

    public void Dispose() => File.Delete(_path);

    [Theory]
    [InlineData("gpt-4o", 2)]
    [InlineData("gpt-4o-2024-05-13", 3)]
    [InlineData("gpt-4o-2024-08-06", 5)]
    [InlineData("gpt-4o-2024-11-20", 2)]
    [InlineData("gpt-4o-mini", 1)]
    [InlineData("gpt-", 1)]
    public void The_exact_name_wins_then_the_longest_pattern(string model, long dollars)
    {
        Assert.Equal(dollars * 1_000_000, _table.Find(model, null)?.Tokens.Input);
        Assert.Same(_table.Find(model, null), _table.Find(model, "default"));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("o1")]
    [InlineData("GPT-4o")]
    [InlineData(" gpt-4o")]
    [InlineData("gpt-4o/x")]
    public void A_model_that_is_not_there_has_no_price(string? model)
    {
        Assert.Null(_table.Find(model, null));
    }

    [Theory]
    [InlineData(null, 3L)]
    [InlineData("default", 3L)]
    [InlineData("auto", 3L)]
    [InlineData("standard", 3L)]
    [InlineData("flex", 4L)]
    [InlineData("priority", null)]
    [InlineData("", null)]
    [InlineData("Flex", null)]
    public void A_tier_that_is_not_there_has_no_price(string? tier, long? dollars)
    {
        Assert.Equal(dollars * 1_000_000, _table.Find("gpt-4o-2024-05-13", tier)?.Tokens.Input);
    }

    [Fact]
    public void Finding_again_allocates_nothing()
    {
        _table.Find("gpt-4o-2024-11-20", "default");

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1_000; i++)
        {
            _table.Find("gpt-4o-2024-11-20", "default");
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void More_names_than_are_remembered_are_found_all_the_same()
    {
        for (var i = 0; i < 5_000; i++)
        {
            Assert.NotNull(_table.Find($"gpt-{i}", null));
        }

        Assert.Null(_table.Find(new string('g', 100_000), null));
    }

    // From the public price lists; the cost of 1,000,000 tokens in and as many out is the sum of both prices.
    [Theory]
    [InlineData("gpt-5", null, 11_250_000)]
    [InlineData("gpt-5-2025-08-07", "flex", 5_625_000)]
    [InlineData("gpt-5-2025-08-07", "priority", 22_500_000)]
    [InlineData("gpt-5-mini", null, 2_250_000)]
    [InlineData("gpt-5-nano-2025-08-07", null, 450_000)]
    [InlineData("gpt-5.1-2025-11-13", null, 11_250_000)]
    [InlineData("gpt-5.2", null, 15_750_000)]
    [InlineData("gpt-4.1-mini-2025-04-14", null, 2_000_000)]
    [InlineData("gpt-4o-2024-08-06", null, 12_500_000)]
    [InlineData("gpt-4o-2024-05-13", null, 20_000_000)]
    [InlineData("gpt-4o-mini", null, 750_000)]
    [InlineData("gpt-4o-audio-preview-2024-12-17", null, 12_500_000)]
    [InlineData("gpt-realtime-2025-08-28", null, 20_000_000)]
    [InlineData("o1", null, 75_000_000)]
    [InlineData("o3-2025-04-16", null, 10_000_000)]
    [InlineData("o4-mini", "flex", 2_750_000)]
    [InlineData("gpt-4-turbo-2024-04-09", null, 40_000_000)]
    [InlineData("gpt-4-0613", null, 90_000_000)]
    [InlineData("gpt-3.5-turbo-0125", null, 2_000_000)]
    [InlineData("claude-3-haiku-20240307", null, 1_500_000)]
    [InlineData("claude-3-5-sonnet-20241022", null, 18_000_000)]
    [InlineData("claude-3-7-sonnet-latest", "standard", 18_000_000)]
    [InlineData("claude-opus-4-20250514", null, 90_000_000)]
    [InlineData("claude-opus-4-5-20251101", null, 30_000_000)]
    [InlineData("claude-opus-4-5-20251101", "batch", 15_000_000)]
    [InlineData("claude-haiku-4-5-20251001", null, 6_000_000)]
    [InlineData("claude-sonnet-4-5-20250929", null, 28_500_000)] // beyond 200,000 prompt tokens
    public void The_shipped_table_has_the_public_prices(string model, string? tier, long micros)
    {
        var million = new UsageReport(UsageSource.Reported, 1_000_000, 1_000_000);

        Assert.Equal(micros, Shipped.Find(model, tier)?.CostOf(million));
    }

    [Theory]
    [InlineData("text-embedding-3-small", 20_000)]
    [InlineData("text-embedding-3-large", 130_000)]
    [InlineData("text-embedding-ada-002", 100_000)]
    public void Embeddings_have_no_output(string model, long micros)
    {
        var price = Shipped.Find(model, null)!;

        Assert.Equal(micros, price.CostOf(new UsageReport(UsageSource.Reported, 1_000_000, 0)));
        Assert.Null(price.CostOf(new UsageReport(UsageSource.Reported, 1, 1)));
    }

    [Theory]
    [InlineData("gpt-4o-anything")]
    [InlineData("ft:gpt-4o-2024-08-06:org::id")]
    [InlineData("claude-next")]
    [InlineData("dall-e-3")]
    public void The_shipped_table_does_not_guess(string model)
    {
        Assert.Null(Shipped.Find(model, null));
    }

    [Fact]
    public async Task PRICES_PATH_takes_the_place_of_the_shipped_table()
    {
        await File.WriteAllTextAsync(_path, Given.FileWith("input: 7"), Aborted);

        var prices = Options(("PRICES_PATH", _path)).Prices!;

        Assert.Equal(7_000_000, prices.Find("some", null)?.Tokens.Input);
        Assert.Null(prices.Find("gpt-4o", null));
    }

    [Theory]
    [InlineData("PRICES_PATH", "/nowhere/prices.yaml", "PRICES_PATH: the price file /nowhere/prices.yaml cannot be")]
    [InlineData("USAGE_RETENTION", "59m", "USAGE_RETENTION must be a duration from 1h")]
    [InlineData("USAGE_RETENTION", "forever", "USAGE_RETENTION must be a duration from 1h")]
    public void A_wrong_setting_is_named(string name, string value, string complaint)
    {
        var settings = Settings((name, value));
        UsageOptions.Read(settings);

        Assert.StartsWith(complaint, Assert.Single(settings.Complaints), StringComparison.Ordinal);
    }

    private static UsageOptions Options(params (string Name, string Value)[] variables)
    {
        var settings = Settings(variables);
        var options = UsageOptions.Read(settings);
        Assert.Empty(settings.Complaints);
        return options;
    }

    private static SettingsReader Settings(params (string Name, string Value)[] variables) => new(
        new Dictionary<string, string?>(StringComparer.Ordinal),
        variables.ToDictionary(static one => one.Name, static one => one.Value, StringComparer.Ordinal),
        []);
}
