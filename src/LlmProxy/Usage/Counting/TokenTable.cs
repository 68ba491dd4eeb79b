using System.IO.Compression;
using System.Numerics;
using System.Reflection;
using System.Runtime.InteropServices;

namespace LlmProxy.Usage.Counting;

/// <summary>
/// The tokens of one encoding and their ranks, which are also the order of merging. Packed: 200,000 tokens take about
/// 4 MiB, where dictionaries take ten times that.
/// </summary>
internal sealed class TokenTable
{
    private const ulong Multiplier = 0x9E3779B97F4A7C15;

    // Longer tokens would be a sign that the file is another one.
    private const int TokenBytesMax = 1024;

    private readonly byte[] _bytes;
    private readonly int[] _starts;

    // Rank + 1; 0 is free. Open addressing, at most half full.
    private readonly int[] _slots;

    private TokenTable(List<byte> bytes, List<int> starts)
    {
        (_bytes, _starts) = ([.. bytes], [.. starts]);
        _slots = new int[BitOperations.RoundUpToPowerOf2((uint)starts.Count * 2)];
        for (var rank = 0; rank < starts.Count - 1; rank++)
        {
            var token = TokenOf(rank);
            LongestBytes = Math.Max(LongestBytes, token.Length);
            _slots[SlotOf(token)] = rank + 1;
        }
    }

    /// <summary>No token has more.</summary>
    public int LongestBytes { get; }

    public int Count => _starts.Length - 1;

    /// <summary>
    /// Reads a package of embedded data: lines of <c>base64 rank</c>, or of <c>base64</c> alone in the order of the
    /// ranks, after a line <c>Capacity: n</c>; deflated. Null when the package is not what it was.
    /// </summary>
    public static TokenTable? Load(string package, string resource)
    {
        using var packed = OpenResource(package, resource);
        if (packed is null)
        {
            return null;
        }

        using var text = new StreamReader(new DeflateStream(packed, CompressionMode.Decompress));
        var (bytes, starts) = (new List<byte>(1 << 20), new List<int>(1 << 17) { 0 });
        Span<byte> line = stackalloc byte[2 * TokenBytesMax];
        try
        {
            while (text.ReadLine() is { } read)
            {
                if (read.StartsWith("Capacity:", StringComparison.Ordinal))
                {
                    continue;
                }

                if (read.Length > line.Length || !Convert.TryFromBase64String(read, line, out var length)
                    || length is 0 or > TokenBytesMax)
                {
                    return null;
                }

                bytes.AddRange(line[..length]);
                starts.Add(bytes.Count);
            }
        }
        catch (InvalidDataException)
        {
            return null;
        }

        return new TokenTable(bytes, starts);
    }

    /// <summary>−1 when these bytes are no token.</summary>
    public int RankOf(ReadOnlySpan<byte> token) => _slots[SlotOf(token)] - 1;

    private static Stream? OpenResource(string package, string resource)
    {
        try
        {
            return Assembly.Load(new AssemblyName(package)).GetManifestResourceStream(resource);
        }
        catch (IOException)
        {
            return null;
        }
    }

    private ReadOnlySpan<byte> TokenOf(int rank) => _bytes.AsSpan(_starts[rank].._starts[rank + 1]);

    /// <summary>Where the token is, or would be.</summary>
    private int SlotOf(ReadOnlySpan<byte> token)
    {
        var mask = _slots.Length - 1;
        var slot = (int)(HashOf(token) >> 32) & mask;
        while (_slots[slot] is var taken and not 0 && !TokenOf(taken - 1).SequenceEqual(token))
        {
            slot = (slot + 1) & mask;
        }

        return slot;
    }

    private static ulong HashOf(ReadOnlySpan<byte> token)
    {
        var hash = (ulong)token.Length * Multiplier;
        for (; token.Length >= sizeof(ulong); token = token[sizeof(ulong)..])
        {
            hash = BitOperations.RotateLeft(hash ^ MemoryMarshal.Read<ulong>(token), 29) * Multiplier;
        }

        foreach (var one in token)
        {
            hash = BitOperations.RotateLeft(hash ^ one, 11) * Multiplier;
        }

        return hash ^ (hash >> 29);
    }
}
