using System.Diagnostics.Metrics;

namespace LlmProxy.Usage;

/// <summary>What went wrong while usage was read.</summary>
internal sealed class UsageMetrics : IDisposable
{
    private readonly Meter _meter = new("LlmProxy.Usage");
    private readonly Counter<long> _faults;

    public UsageMetrics() => _faults = _meter.CreateCounter<long>(
        "llm_proxy.usage.faults", "{exchange}", "Exchanges whose usage was not reported as it should be, by fault.");

    /// <summary>Counts each fault that the exchange had.</summary>
    public void Record(UsageFaults faults)
    {
        if (faults == UsageFaults.None)
        {
            return;
        }

        foreach (var fault in NamesOf(faults))
        {
            _faults.Add(1, new KeyValuePair<string, object?>("fault", fault));
        }
    }

    /// <summary>The faults as metrics and logs name them.</summary>
    public static IEnumerable<string> NamesOf(UsageFaults faults)
    {
        for (var rest = (int)faults; rest != 0; rest &= rest - 1)
        {
            yield return NameOf((UsageFaults)(rest & -rest));
        }
    }

    private static string NameOf(UsageFaults fault) => fault switch
    {
        UsageFaults.Implausible => "implausible",
        UsageFaults.Repeated => "repeated",
        UsageFaults.AfterEnd => "after_end",
        UsageFaults.Truncated => "truncated",
        UsageFaults.Unreadable => "unreadable",
        UsageFaults.Estimated => "estimated",
        _ => "overrun",
    };

    public void Dispose() => _meter.Dispose();
}
