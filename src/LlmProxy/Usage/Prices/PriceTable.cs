using System.Collections.Concurrent;
using LlmProxy.Providers;

namespace LlmProxy.Usage.Prices;

/// <summary>
/// Which model costs what. An exact name goes before patterns, the longest pattern before shorter ones, and of two that
/// are equally long the first of the file. A model that is not there has no price; that is not a price of 0.
/// </summary>
internal sealed class PriceTable
{
    private const int RememberedMax = 1_024;

    private readonly Dictionary<string, PricedModel> _exact = new(StringComparer.Ordinal);
    private readonly (Glob Pattern, PricedModel Model)[] _patterns;

    // Names that a pattern matched. Full is full: names come from outside, and the patterns always know the answer.
    private readonly ConcurrentDictionary<string, PricedModel> _remembered = new(StringComparer.Ordinal);
    private int _rememberedCount;

    public PriceTable(DateOnly date, IEnumerable<PricedModel> models)
    {
        Date = date;
        var patterns = new List<(Glob Pattern, PricedModel Model)>();
        foreach (var model in models)
        {
            foreach (var name in model.Names)
            {
                _exact[name] = model;
            }

            patterns.AddRange(model.Patterns.Select(pattern => (pattern, model)));
        }

        _patterns = [.. patterns.OrderByDescending(static entry => entry.Pattern.Pattern.Length)];
    }

    /// <summary>When the prices were read from the price lists.</summary>
    public DateOnly Date { get; }

    /// <summary>
    /// The prices of a model under a tier of service, or null when they are not known. Allocates nothing once a name
    /// was seen.
    /// </summary>
    /// <param name="model">As the request or the answer names it.</param>
    /// <param name="serviceTier">
    /// As the answer names it: null, <c>default</c>, <c>auto</c>, <c>standard</c> and
    /// <c>standard_only</c> are the usual prices.
    /// </param>
    public ModelPrice? Find(string? model, string? serviceTier)
    {
        if (model is null or { Length: 0 or > Glob.LengthMax } || Resolve(model) is not { } found)
        {
            return null;
        }

        return serviceTier is null or "default" or "auto" or "standard" or "standard_only"
            ? found.Price
            : found.Tiers.GetValueOrDefault(serviceTier);
    }

    private PricedModel? Resolve(string name)
    {
        if (_exact.TryGetValue(name, out var found) || _remembered.TryGetValue(name, out found))
        {
            return found;
        }

        foreach (var (pattern, model) in _patterns)
        {
            if (pattern.Matches(name))
            {
                Remember(name, model);
                return model;
            }
        }

        return null;
    }

    private void Remember(string name, PricedModel model)
    {
        // Counted here, because counting a concurrent dictionary takes all of its locks.
        if (Volatile.Read(ref _rememberedCount) < RememberedMax && _remembered.TryAdd(name, model))
        {
            Interlocked.Increment(ref _rememberedCount);
        }
    }
}

/// <summary>One entry of the price table: the models that share it, and their prices.</summary>
/// <param name="Names">Exact names.</param>
/// <param name="Patterns">Patterns for further names.</param>
/// <param name="Price">The usual prices.</param>
/// <param name="Tiers">Prices of other tiers of service, by name.</param>
internal sealed record PricedModel(
    IReadOnlyList<string> Names,
    IReadOnlyList<Glob> Patterns,
    ModelPrice Price,
    IReadOnlyDictionary<string, ModelPrice> Tiers);
