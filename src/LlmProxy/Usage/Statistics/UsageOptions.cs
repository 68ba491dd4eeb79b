using LlmProxy.Providers;
using LlmProxy.Settings;
using LlmProxy.Usage.Prices;

namespace LlmProxy.Usage.Statistics;

/// <summary>What models cost, and how long statistics are kept.</summary>
/// <param name="Prices">Null only when the settings have complaints, with which the program does not start.</param>
/// <param name="Retention">How long the statistics of a day are kept; those of hours and minutes go earlier.</param>
internal sealed record UsageOptions(PriceTable? Prices, TimeSpan Retention)
{
    private const string BuiltIn = "prices.yaml";
    private static readonly TimeSpan RetentionDefault = TimeSpan.FromDays(400);
    private static readonly TimeSpan RetentionMin = TimeSpan.FromHours(1);
    private static readonly TimeSpan RetentionMax = TimeSpan.FromDays(10_000);

    public static UsageOptions Read(SettingsReader settings)
    {
        var path = settings.TextOrNull(
            "PRICES_PATH", "The price file, which takes the place of the one that is built in.");
        var retention = settings.Duration("USAGE_RETENTION", RetentionDefault, RetentionMin, RetentionMax,
            "How long statistics of days are kept; those of hours at most 90 days, those of minutes at most 7.");

        var text = path is null
            ? ConfigFile.BuiltIn(BuiltIn)
            : ConfigFile.Read(path, "price file", "PRICES_PATH", settings);
        var prices = text is { } source ? PriceFile.Read(source.Yaml, source.Name, settings.Complain) : null;
        return new UsageOptions(prices, retention);
    }
}
