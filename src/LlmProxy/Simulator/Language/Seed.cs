using System.Globalization;

namespace LlmProxy.Simulator.Language;

/// <summary>A stream of numbers that follows from a text alone, so that equal requests have equal answers.</summary>
internal struct Seed
{
    private ulong _state;

    private Seed(ulong state) => _state = state;

    public static Seed Of(ReadOnlySpan<char> text, int variant = 0)
    {
        // FNV-1a: equal in every process, which the runtime's own string hashes are not.
        var hash = 14695981039346656037UL;
        foreach (var character in text)
        {
            hash = (hash ^ character) * 1099511628211UL;
        }

        return new((hash ^ (ulong)variant) * 1099511628211UL);
    }

    /// <summary>SplitMix64.</summary>
    public ulong Next()
    {
        _state += 0x9E3779B97F4A7C15UL;
        var mixed = _state;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9UL;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBUL;
        return mixed ^ (mixed >> 31);
    }

    /// <summary>An id such as <c>chatcmpl-0123…</c>.</summary>
    public string NextId(string prefix) =>
        string.Create(CultureInfo.InvariantCulture, $"{prefix}{Next():x16}{Next():x16}");
}
