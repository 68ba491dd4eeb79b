using System.Runtime.InteropServices;

namespace LlmProxy.Caching;

/// <summary>What became of the requests for one endpoint of a provider. Any number of threads may count at a time.</summary>
/// <param name="provider">Its name.</param>
/// <param name="endpoint">The pattern of the provider file that the requests met, or <c>other</c>.</param>
internal sealed class CacheTally(string provider, string endpoint)
{
    private long _hits;
    private long _stale;
    private long _collapsed;
    private long _misses;
    private long _validated;
    private long _bypassed;
    private long _stored;

    public string Provider => provider;

    public string Endpoint => endpoint;

    /// <summary>A fresh answer was there.</summary>
    public void Hit() => Interlocked.Increment(ref _hits);

    /// <summary>An answer was served that was fresh no more: while it was validated, or in place of an error.</summary>
    public void Stale() => Interlocked.Increment(ref _stale);

    /// <summary>The answer to an equal request that was on its way was served.</summary>
    public void Collapsed() => Interlocked.Increment(ref _collapsed);

    /// <summary>The provider was asked, because there was nothing that could be used.</summary>
    public void Miss() => Interlocked.Increment(ref _misses);

    /// <summary>The provider said that what is stored is good still.</summary>
    public void Validated() => Interlocked.Increment(ref _validated);

    /// <summary>The provider was asked, because the cache was not to be.</summary>
    public void Bypassed() => Interlocked.Increment(ref _bypassed);

    /// <summary>An answer was put into the store.</summary>
    public void Stored() => Interlocked.Increment(ref _stored);

    /// <summary>The counts as they are now; each is exact, and they may be a request apart.</summary>
    public CacheCounts Read() => new(
        Interlocked.Read(ref _hits), Interlocked.Read(ref _stale), Interlocked.Read(ref _collapsed),
        Interlocked.Read(ref _misses), Interlocked.Read(ref _validated), Interlocked.Read(ref _bypassed),
        Interlocked.Read(ref _stored));
}

/// <summary>Requests since the start by what became of them; see the doors of <see cref="CacheTally"/>.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct CacheCounts(
    long Hits, long Stale, long Collapsed, long Misses, long Validated, long Bypassed, long Stored)
{
    public static CacheCounts operator +(CacheCounts one, CacheCounts other) => new(
        one.Hits + other.Hits, one.Stale + other.Stale, one.Collapsed + other.Collapsed, one.Misses + other.Misses,
        one.Validated + other.Validated, one.Bypassed + other.Bypassed, one.Stored + other.Stored);
}
