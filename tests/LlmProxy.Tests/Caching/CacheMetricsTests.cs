using System.Diagnostics.Metrics;
using LlmProxy.Caching;
using LlmProxy.Providers;
using LlmProxy.Tests.Providers;
using Xunit;

namespace LlmProxy.Tests.Caching;

public sealed class CacheMetricsTests : IDisposable
{
    private readonly ProviderTable _providers;
    private readonly CacheMetrics _metrics;
    private CacheSize _size;

    public CacheMetricsTests()
    {
        _providers = Given.Table("""
            apis:
              one:
                base_url: https://one.test
                allowed_endpoints: [/v1/models, "/v1/models/*", "/v1/models"]
                allowed_methods: [GET]
              two:
                base_url: https://two.test
                allowed_endpoints: ["/v1/*/x"]
                allowed_methods: [GET]
            """, "one");
        _metrics = new CacheMetrics(_providers, () => _size);
    }

    public void Dispose() => _metrics.Dispose();

    [Fact]
    public void Counts_by_provider_and_by_the_pattern_that_an_endpoint_meets()
    {
        var (one, two) = (_providers.All[0], _providers.All[1]);
        _metrics.Of(one, "/v1/models").Hit();
        _metrics.Of(one, "/v1/models/a").Hit();
        _metrics.Of(one, "/v1/models/b").Hit();
        _metrics.Of(one, "/v1/files").Miss();
        _metrics.Of(two, "/v1/a/x").Stored();

        Assert.Equal(
            [
                "hits one /v1/models 1", "hits one /v1/models/* 2", "misses one other 1", "stored two /v1/*/x 1",
            ],
            Measured().Where(static line => !line.StartsWith("evicted", StringComparison.Ordinal)
                && !line.StartsWith("entries", StringComparison.Ordinal)
                && !line.StartsWith("size", StringComparison.Ordinal)), StringComparer.Ordinal);
    }

    [Fact]
    public void Has_as_many_labels_as_the_provider_file_has_patterns()
    {
        for (var i = 0; i < 1_000; i++)
        {
            _metrics.Of(_providers.All[0], $"/v1/models/{i}").Hit();
            _metrics.Of(_providers.All[1], $"/v1/{i}").Hit();
        }

        Assert.Equal(5, _metrics.All.Count);
        Assert.Equal(2_000, _metrics.All.Sum(static tally => tally.Read().Hits));
    }

    [Fact]
    public void Measures_what_is_in_memory()
    {
        _size = new CacheSize(Entries: 7, Bytes: 700, Evicted: 3);

        Assert.Equal(["entries 7", "evicted 3", "size 700"], Measured(), StringComparer.Ordinal);
    }

    [Fact]
    public void Each_door_counts_for_itself()
    {
        var tally = _metrics.Of(_providers.All[0], "/v1/models");
        Action[] doors =
        [
            tally.Hit, tally.Stale, tally.Collapsed, tally.Miss, tally.Validated, tally.Bypassed, tally.Stored,
        ];
        for (var i = 0; i < doors.Length; i++)
        {
            for (var times = 0; times <= i; times++)
            {
                doors[i]();
            }
        }

        Assert.Equal(new CacheCounts(1, 2, 3, 4, 5, 6, 7), tally.Read());
        Assert.Equal(
            [
                "bypassed one /v1/models 6", "collapsed one /v1/models 3", "entries 0", "evicted 0",
                "hits one /v1/models 1", "misses one /v1/models 4", "size 0", "stale one /v1/models 2",
                "stored one /v1/models 7", "validated one /v1/models 5",
            ],
            Measured(), StringComparer.Ordinal);
    }

    [Fact]
    public void Counting_allocates_nothing()
    {
        var provider = _providers.All[0];
        _metrics.Of(provider, "/v1/models/a").Hit();

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1_000; i++)
        {
            _metrics.Of(provider, "/v1/models/a").Hit();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    /// <summary>Every measurement of this very meter, in the order of their names.</summary>
    private List<string> Measured()
    {
        var lines = new List<string>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, on) =>
        {
            if (instrument.Meter == _metrics.Meter)
            {
                on.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            var labels = string.Concat(tags.ToArray().Select(static tag => $" {tag.Value}"));
            lines.Add($"{instrument.Name["llm_proxy.cache.".Length..]}{labels} {value.ToString(null, null)}");
        });
        listener.Start();
        listener.RecordObservableInstruments();
        return [.. lines.Order(StringComparer.Ordinal)];
    }
}
