using System.Globalization;

namespace LlmProxy.Providers;

/// <summary>Reads what the provider file says about failures of a provider.</summary>
internal sealed class ResilienceSection(ConfigSection section, ConfigComplaints complaints)
{
    private const int RetriesMax = 5;
    private const int RequestsMax = 1_000_000;
    private const int PercentMax = 100;

    private static readonly TimeSpan ShortestBreak = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestBreak = TimeSpan.FromHours(1);

    public ProviderResilience Read()
    {
        var read = new ProviderResilience(ReadCircuit(), ReadRetry());
        section.RefuseUnknown();
        return read;
    }

    private CircuitRules? ReadCircuit()
    {
        if (section.Find("circuit_breaker") is { Text: "off" })
        {
            return null;
        }

        var byDefault = CircuitRules.Default;
        if (section.Section("circuit_breaker") is not { } circuit)
        {
            return byDefault;
        }

        var percent = circuit.Number("failure_percent", (int)(byDefault.FailureRatio * PercentMax), PercentMax);
        var requests = circuit.Number("minimum_requests", byDefault.MinimumRequests, RequestsMax);
        if (percent < 1 || requests < 2)
        {
            complaints.Add(circuit.Place, $"{section.NameOf("circuit_breaker")} needs a failure_percent of at least 1 "
                + "and minimum_requests of at least 2; 'circuit_breaker: off' is without.");
            return byDefault;
        }

        var rules = new CircuitRules(
            (double)percent / PercentMax, requests,
            circuit.Duration("sampling", byDefault.Sampling, ShortestBreak, LongestBreak),
            circuit.Duration("break", byDefault.Break, ShortestBreak, LongestBreak));
        circuit.RefuseUnknown();
        return rules;
    }

    private RetryRules ReadRetry()
    {
        var byDefault = RetryRules.Default;
        if (section.Section("retries") is not { } retries)
        {
            return byDefault;
        }

        var rules = new RetryRules(
            retries.Number("max", byDefault.Max, RetriesMax),
            retries.Number("budget_percent", byDefault.BudgetPercent, PercentMax),
            ReadStatuses(retries));
        retries.RefuseUnknown();
        return rules;
    }

    private List<int> ReadStatuses(ConfigSection retries)
    {
        var statuses = new List<int>();
        foreach (var item in retries.Texts("statuses"))
        {
            if (int.TryParse(item.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var status)
                && status is >= 500 and <= 599)
            {
                statuses.Add(status);
            }
            else
            {
                complaints.Add(
                    item.Place, $"{retries.NameOf("statuses")} has '{item.Text}', which is none of 500 to 599.");
            }
        }

        return statuses;
    }
}
