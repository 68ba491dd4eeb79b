using System.Collections.Concurrent;
using LlmProxy.Secrets;

namespace LlmProxy.Tokens;

/// <summary>
/// Remembers for a moment which tokens do not exist, so that asking for them again is no load on the store.
/// </summary>
internal sealed class UnknownTokens(TimeProvider clock)
{
    private const int Max = 10_000;
    private static readonly TimeSpan Lasts = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<TokenHash, long> _since = new();

    // Counting the dictionary would take all its locks.
    private int _count;

    public bool Contains(TokenHash hash) =>
        _since.TryGetValue(hash, out var since) && clock.GetElapsedTime(since) < Lasts;

    public void Add(TokenHash hash)
    {
        // Whoever makes up tokens may push out what he has made up before; nobody else is hurt.
        if (Interlocked.Increment(ref _count) > Max)
        {
            Clear();
        }

        _since[hash] = clock.GetTimestamp();
    }

    public void Remove(TokenHash hash) => _since.TryRemove(hash, out _);

    public void Clear()
    {
        _since.Clear();
        Interlocked.Exchange(ref _count, 0);
    }
}
