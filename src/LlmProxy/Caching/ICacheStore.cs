using System.Runtime.InteropServices;

namespace LlmProxy.Caching;

/// <summary>
/// Where answers are kept: in memory, or in Redis with memory before it. A store that is away behaves like an empty
/// one, soon; it never throws.
/// </summary>
internal interface ICacheStore
{
    /// <summary>The variants under a key, the one that was stored last first; empty when there are none.</summary>
    ValueTask<IReadOnlyList<StoredResponse>> FindAsync(CacheKey key);

    /// <summary>
    /// Keeps an answer, in place of the variant that has the same <see cref="StoredResponse.VaryNames"/> and
    /// <see cref="StoredResponse.VaryDigest"/>. False when it was not kept.
    /// </summary>
    ValueTask<bool> PutAsync(CacheKey key, StoredResponse response);

    /// <summary>Forgets all variants under a key; false when there was none.</summary>
    ValueTask<bool> RemoveAsync(CacheKey key);

    /// <summary>Forgets every answer that is chosen; answers how many that were.</summary>
    ValueTask<long> PurgeAsync(CacheSelector selector, CancellationToken aborted);

    CacheSize Size { get; }

    /// <summary>Nothing is stored, so nothing can be out of date. False when that is not known.</summary>
    bool IsEmpty { get; }
}

/// <summary>Which answers to forget. What is null chooses all.</summary>
/// <param name="Project">Whose.</param>
/// <param name="Provider">From which provider.</param>
/// <param name="Endpoint">The decoded path behind the provider's name, whole.</param>
/// <param name="Model">The model that was asked for.</param>
/// <param name="Key">One exact request.</param>
internal sealed record CacheSelector(Guid? Project, string? Provider, string? Endpoint, string? Model, Digest? Key)
{
    public bool Chooses(in CacheKey key, StoredResponse response) =>
        (Project is null || Project == key.Project)
        && (Provider is null || Provider.Equals(key.Provider, StringComparison.Ordinal))
        && (Endpoint is null || Endpoint.Equals(response.Endpoint, StringComparison.Ordinal))
        && (Model is null || Model.Equals(response.Model, StringComparison.Ordinal))
        && (Key is null || Key == key.Digest);
}

/// <summary>What is in memory now.</summary>
/// <param name="Entries">Answers.</param>
/// <param name="Bytes">What they take, with what it takes to keep them.</param>
/// <param name="Evicted">How many made room for others since the start.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct CacheSize(long Entries, long Bytes, long Evicted);
