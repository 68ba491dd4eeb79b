using System.Buffers;
using System.Text;
using System.Text.RegularExpressions;

namespace LlmProxy.Usage.Counting;

/// <summary>
/// Counts as tiktoken does: text is cut by a pattern, and each piece is merged by rank. Special tokens are plain text
/// here, as they are for the providers when a client sends them.
/// </summary>
/// <remarks>
/// .NET's patterns see UTF-16, so letters beyond the Basic Multilingual Plane are symbols here; that may move a count
/// by a token or two.
/// </remarks>
internal sealed class Tokenizer
{
    /// <summary>
    /// A run of letters, spaces or signs that is longer than this is counted as one token a byte, which no count is
    /// above. No text that means anything has one, and it keeps the memory of one count to a few MiB.
    /// </summary>
    public const int PieceBytesMax = 256 * 1024;

    private readonly Regex _pieces;

    // Null when the data is missing: one token a byte then.
    private readonly Lazy<TokenTable?> _table;

    public Tokenizer(string package, string resource, Regex pieces) =>
        (_pieces, _table) = (pieces, new Lazy<TokenTable?>(() => TokenTable.Load(package, resource)));

    /// <summary>Whether the data is there. Loads it: CPU work for the thread pool, about 30 ms.</summary>
    public bool IsExact => _table.Value is not null;

    /// <summary>
    /// CPU work for the thread pool: some 80 MB of prose a second, 5 MB of what is worst. Time never grows faster than
    /// n·log n.
    /// </summary>
    public long Count(ReadOnlySpan<char> text)
    {
        if (_table.Value is not { } table)
        {
            return Encoding.UTF8.GetByteCount(text);
        }

        var tokens = 0L;
        Span<byte> small = stackalloc byte[256];
        foreach (var match in _pieces.EnumerateMatches(text))
        {
            var piece = text.Slice(match.Index, match.Length);
            tokens += 3 * piece.Length <= small.Length
                ? PairMerge.Count(table, small[..Encoding.UTF8.GetBytes(piece, small)])
                : CountLong(table, piece);
        }

        return tokens;
    }

    private static long CountLong(TokenTable table, ReadOnlySpan<char> piece)
    {
        var length = Encoding.UTF8.GetByteCount(piece);
        if (length > PieceBytesMax)
        {
            return length;
        }

        var rented = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            return PairMerge.Count(table, rented.AsSpan(0, Encoding.UTF8.GetBytes(piece, rented)));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }
}
