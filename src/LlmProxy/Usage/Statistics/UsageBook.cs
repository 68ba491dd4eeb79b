using System.Runtime.InteropServices;

namespace LlmProxy.Usage.Statistics;

/// <summary>Sums by minute and by who used what, on their way to the store. Not for several threads at once.</summary>
internal sealed class UsageBook
{
    private const int KeptCapacityMax = 16_384;

    private readonly Dictionary<UsageKey, UsageRow> _sums = [];
    private readonly ModelLabels _labels = new();
    private long _lost;

    /// <summary>
    /// So many sums are kept while the store does not take them: about 40 MB. Beyond it models lose their names, then
    /// exchanges are lost and counted.
    /// </summary>
    public int SumsMax { get; init; } = 100_000;

    public int Count => _sums.Count;

    public void Add(in ExchangeUsage exchange)
    {
        var minute = UsageInterval.Minute.Floor(exchange.Time);
        var model = _labels.Of(exchange.TokenId, minute, exchange.Model);
        var key = new UsageKey(minute, exchange.ProjectId, exchange.TokenId, exchange.Provider, model);
        switch (Find(key) ?? Find(key with { Model = ModelLabels.Other }))
        {
            case { } sums:
                sums.Add(exchange);
                break;
            default:
                _lost++;
                break;
        }
    }

    /// <summary>Takes some of the sums out.</summary>
    public List<UsageRow> Take(int max)
    {
        var taken = new List<UsageRow>(Math.Min(max, _sums.Count));
        foreach (var (key, sums) in _sums.Take(max))
        {
            // The one change that a dictionary allows while it is walked through.
            _sums.Remove(key);

            // Texts weigh as much as the sums, so they are made when they are needed.
            (sums.ProjectId, sums.TokenId) = (key.ProjectId.ToString(), key.TokenId.ToString());
            taken.Add(sums);
        }

        if (_sums.Count == 0 && _sums.Capacity > KeptCapacityMax)
        {
            // After the store was behind: empty, it would go on weighing what it weighed then, up to 13 MB.
            _sums.TrimExcess();
        }

        return taken;
    }

    /// <summary>How many exchanges found no place since the last call.</summary>
    public long TakeLost()
    {
        var lost = _lost;
        _lost = 0;
        return lost;
    }

    private UsageRow? Find(UsageKey key)
    {
        if (!_sums.TryGetValue(key, out var sums) && _sums.Count < SumsMax)
        {
            sums = new UsageRow
            {
                Start = key.Start,
                Provider = key.Provider,
                Model = key.Model,
            };
            _sums.Add(key, sums);
        }

        return sums;
    }

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct UsageKey(long Start, Guid ProjectId, Guid TokenId, string Provider, string Model);
}
