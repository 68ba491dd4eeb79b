using System.Collections.Frozen;
using System.Diagnostics.Metrics;
using LlmProxy.Providers;

namespace LlmProxy.Caching;

/// <summary>
/// Counts what the cache does, by provider and endpoint. The labels are patterns of the provider file, so there are as
/// many as the file has, whatever clients ask for.
/// </summary>
internal sealed class CacheMetrics : IDisposable
{
    /// <summary>The endpoint of requests that meet no pattern.</summary>
    public const string Other = "other";

    private readonly Meter _meter = new("LlmProxy.Caching");
    private readonly FrozenDictionary<Provider, ProviderTallies> _providers;

    /// <param name="providers">Whose requests are counted.</param>
    /// <param name="size">What is in memory now.</param>
    public CacheMetrics(ProviderTable providers, Func<CacheSize> size)
    {
        _providers = providers.All.ToFrozenDictionary(
            static provider => provider, static provider => new ProviderTallies(provider));
        All = [.. providers.All.SelectMany(provider => _providers[provider].All)];

        Count("hits", "{request}", "Requests answered from the cache.", static counts => counts.Hits);
        Count("stale", "{request}", "Requests answered with what was stale.", static counts => counts.Stale);
        Count("collapsed", "{request}", "Requests answered with the answer to an equal one that was under way.",
            static counts => counts.Collapsed);
        Count("misses", "{request}", "Requests for which nothing was stored.", static counts => counts.Misses);
        Count("validated", "{request}", "Requests for which the provider said that what is stored is good still.",
            static counts => counts.Validated);
        Count("bypassed", "{request}", "Requests that the cache was not asked for.", static counts => counts.Bypassed);
        Count("stored", "{response}", "Answers that were stored.", static counts => counts.Stored);
        _meter.CreateObservableCounter("llm_proxy.cache.evicted", () => size().Evicted, "{response}",
            "Answers that made room for others in memory.");
        _meter.CreateObservableUpDownCounter("llm_proxy.cache.entries", () => size().Entries, "{response}",
            "Answers in memory.");
        _meter.CreateObservableUpDownCounter("llm_proxy.cache.size", () => size().Bytes, "By",
            "What the answers in memory take.");
    }

    /// <summary>In the order of the provider file.</summary>
    public IReadOnlyList<CacheTally> All { get; }

    /// <summary>Where requests for an endpoint are counted. Allocates nothing.</summary>
    /// <param name="provider">One of the table.</param>
    /// <param name="endpoint">The decoded path behind the provider's name.</param>
    public CacheTally Of(Provider provider, ReadOnlySpan<char> endpoint) => _providers[provider].Of(endpoint);

    public void Dispose() => _meter.Dispose();

    private void Count(string name, string unit, string meaning, Func<CacheCounts, long> read) =>
        _meter.CreateObservableCounter($"llm_proxy.cache.{name}", () => Measure(read), unit, meaning);

    /// <summary>What never happened is not listed.</summary>
    private IEnumerable<Measurement<long>> Measure(Func<CacheCounts, long> read)
    {
        foreach (var tally in All)
        {
            if (read(tally.Read()) is > 0 and var value)
            {
                yield return new Measurement<long>(value,
                    new KeyValuePair<string, object?>("provider", tally.Provider),
                    new KeyValuePair<string, object?>("endpoint", tally.Endpoint));
            }
        }
    }

    private sealed class ProviderTallies
    {
        private readonly EndpointList _endpoints;
        private readonly FrozenDictionary<string, CacheTally> _byPattern;
        private readonly CacheTally _other;

        public ProviderTallies(Provider provider)
        {
            _endpoints = provider.Endpoints;
            _other = new CacheTally(provider.Name, Other);
            All = [.. provider.Endpoints.Patterns.Distinct(StringComparer.Ordinal)
                .Select(pattern => new CacheTally(provider.Name, pattern)), _other];
            _byPattern = All.ToFrozenDictionary(static tally => tally.Endpoint, StringComparer.Ordinal);
        }

        public IReadOnlyList<CacheTally> All { get; }

        public CacheTally Of(ReadOnlySpan<char> endpoint) =>
            _endpoints.Find(endpoint) is { } pattern ? _byPattern[pattern] : _other;
    }
}
