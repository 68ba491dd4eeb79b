namespace LlmProxy.Caching;

/// <summary>
/// All variants that the memory store keeps under one key, with their place in their project's queue. What is read
/// without the store's lock never changes, but for the mark of a use.
/// </summary>
internal sealed class KeptAnswers(CacheKey key, StoredResponse[] variants)
{
    private readonly StoredResponse[] _variants = variants;

    // Set by every look-up and cleared by the queue, without a lock: a mark that is lost costs a good place, no more.
    private bool _isUsed;

    public CacheKey Key { get; } = key;

    /// <summary>The one that was stored last first.</summary>
    public IReadOnlyList<StoredResponse> Variants => _variants;

    public ReadOnlySpan<StoredResponse> Span => _variants;

    /// <summary>What they take, counted once: it must be the same when it is taken off again.</summary>
    public long Bytes { get; } = KeptBytes.Of(variants);

    /// <summary>Whose queue they stand in; null when they are in none.</summary>
    public ProjectQueue? Queue { get; set; }

    public KeptAnswers? Newer { get; set; }

    public KeptAnswers? Older { get; set; }

    public bool IsUsed => Volatile.Read(ref _isUsed);

    /// <summary>
    /// Writes only what is not so yet: a key that is asked for by all cores stays in all their caches.
    /// </summary>
    public void MarkUsed()
    {
        if (!_isUsed)
        {
            Volatile.Write(ref _isUsed, true);
        }
    }

    public void Unmark() => Volatile.Write(ref _isUsed, false);

    /// <summary>The place of a variant that an answer takes the place of; -1 when there is none.</summary>
    public int IndexOf(StoredResponse response)
    {
        for (var i = 0; i < _variants.Length; i++)
        {
            if (_variants[i].VaryDigest == response.VaryDigest
                && _variants[i].VaryNames.SequenceEqual(response.VaryNames, StringComparer.Ordinal))
            {
                return i;
            }
        }

        return -1;
    }
}
