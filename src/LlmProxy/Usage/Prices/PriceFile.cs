using System.Globalization;
using LlmProxy.Providers;

namespace LlmProxy.Usage.Prices;

/// <summary>
/// Reads a price file. A mistake in it would be a wrong bill, so nothing in it is guessed or passed over: whatever is
/// wrong is a complaint with line and column.
/// </summary>
internal sealed class PriceFile(ConfigComplaints complaints)
{
    private const int DollarsMax = 1_000_000;
    private const int DecimalsMax = 6;
    private const long PicosPerMicro = 1_000_000;

    // The words of OpenAI's and Anthropic's `service_tier` that have prices of their own.
    private static readonly string[] TierNames = ["flex", "priority", "batch", "scale"];

    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);

    /// <summary>Null when it cannot be used; <paramref name="complain"/> was told why.</summary>
    public static PriceTable? Read(string yaml, string file, Action<string> complain)
    {
        var isRight = true;
        var complaints = new ConfigComplaints(file, sentence =>
        {
            isRight = false;
            complain(sentence);
        });
        try
        {
            var root = ConfigDocument.Read(yaml) ?? throw new ConfigFault(new ConfigPlace(1, 1), "has no content.");
            var table = root.Entries is null
                ? throw new ConfigFault(root.Place, "must be a map with the keys version, date, currency and models.")
                : new PriceFile(complaints).ReadRoot(new ConfigSection(root, string.Empty, complaints));
            return isRight ? table : null;
        }
        catch (ConfigFault fault)
        {
            complaints.Add(fault.Place, fault.Message);
            return null;
        }
    }

    private PriceTable ReadRoot(ConfigSection root)
    {
        Expect(root, "version", "1");
        var date = ReadDate(root);
        Expect(root, "currency", "USD");
        var models = root.Section("models");
        root.RefuseUnknown();
        if (models is null or { Entries.Count: 0 })
        {
            complaints.Add(models?.Place ?? root.Place, "models must name at least one model.");
            return new PriceTable(date, []);
        }

        var priced = new List<PricedModel>();
        foreach (var entry in models.Entries)
        {
            if (models.Section(entry.Key) is { } section)
            {
                priced.Add(ReadModel(entry, section));
            }
            else if (entry.Value.IsNull)
            {
                complaints.Add(entry.Place, $"models.{entry.Key} has no prices.");
            }
        }

        return new PriceTable(date, priced);
    }

    private PricedModel ReadModel(ConfigEntry entry, ConfigSection section)
    {
        var (names, patterns) = (new List<string>(), new List<Glob>());
        AddName(entry.Key, entry.Place, names, patterns);
        foreach (var also in section.Texts("also"))
        {
            AddName(also.Text!, also.Place, names, patterns);
        }

        var outputMax = ReadTokens(section, "max_output_tokens");
        var contextWindow = ReadTokens(section, "context_window");
        var prices = ReadPrices(section);
        var longPrompt = ReadLongPrompt(section);
        var tiers = new Dictionary<string, ModelPrice>(StringComparer.Ordinal);
        if (section.Section("tiers") is { } ofTiers)
        {
            foreach (var name in TierNames)
            {
                if (ofTiers.Section(name) is { } tier)
                {
                    tiers.Add(
                        name, new ModelPrice(ReadPrices(tier), outputMax, contextWindow, ReadLongPrompt(tier)));
                    tier.RefuseUnknown();
                }
            }

            ofTiers.RefuseUnknown();
        }

        section.RefuseUnknown();
        return new PricedModel(names, patterns, new ModelPrice(prices, outputMax, contextWindow, longPrompt), tiers);
    }

    private void AddName(string name, ConfigPlace place, List<string> names, List<Glob> patterns)
    {
        if (!_seen.Add(name))
        {
            complaints.Add(place, $"models: '{name}' is there twice.");
        }
        else if (Glob.Parse(name, out var wrong) is not { } pattern)
        {
            complaints.Add(place, $"models: the name '{name}' {wrong}.");
        }
        else if (name.AsSpan().ContainsAny(@"*?[\"))
        {
            patterns.Add(pattern);
        }
        else
        {
            names.Add(name);
        }
    }

    private LongPromptPrices? ReadLongPrompt(ConfigSection section)
    {
        if (section.Section("long_prompt") is not { } longPrompt)
        {
            return null;
        }

        var above = ReadTokens(longPrompt, "above");
        if (longPrompt.Find("above") is null)
        {
            complaints.Add(longPrompt.Place, $"{longPrompt.NameOf("above")} is missing.");
        }

        var prices = ReadPrices(longPrompt);
        longPrompt.RefuseUnknown();
        return new LongPromptPrices(above ?? 0, prices);
    }

    private TokenPrices ReadPrices(ConfigSection section)
    {
        var input = ReadPrice(section, "input");
        if (input is null && section.Find("input") is null)
        {
            complaints.Add(section.Place, $"{section.NameOf("input")} is missing.");
        }

        var output = ReadPrice(section, "output");
        return new TokenPrices(
            input ?? 0,
            ReadPrice(section, "cached_input"),
            ReadPrice(section, "cache_write"),
            output,
            ReadPrice(section, "reasoning") ?? output,
            ReadPrice(section, "audio_input"),
            ReadPrice(section, "audio_output"));
    }

    /// <summary>Dollars a million tokens, as pico-dollars a token.</summary>
    private long? ReadPrice(ConfigSection section, string key)
    {
        if (section.Text(key) is not { } value)
        {
            return null;
        }

        if (decimal.TryParse(value.Text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var dollars)
            && dollars <= DollarsMax && dollars.Scale <= DecimalsMax)
        {
            return (long)(dollars * PicosPerMicro);
        }

        complaints.Add(value.Place, $"{section.NameOf(key)} must be dollars per million tokens: a number from 0 to "
            + $"{DollarsMax} with at most {DecimalsMax} decimals, such as 2.5.");
        return null;
    }

    private long? ReadTokens(ConfigSection section, string key)
    {
        if (section.Text(key) is not { } value)
        {
            return null;
        }

        if (long.TryParse(value.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var tokens)
            && tokens is >= 1 and <= UsageReport.TokensMax)
        {
            return tokens;
        }

        complaints.Add(value.Place,
            $"{section.NameOf(key)} must be a whole number of tokens from 1 to {UsageReport.TokensMax}.");
        return null;
    }

    private DateOnly ReadDate(ConfigSection root)
    {
        var value = root.Text("date");
        if (DateOnly.TryParseExact(
            value?.Text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date))
        {
            return date;
        }

        complaints.Add(value?.Place ?? root.Place, "date must be the day of the prices, such as 2026-01-31.");
        return default;
    }

    private void Expect(ConfigSection root, string key, string expected)
    {
        var value = root.Text(key);
        if (value?.Text != expected)
        {
            complaints.Add(value?.Place ?? root.Place, $"{key} must be {expected}, the only one that is known here.");
        }
    }
}
