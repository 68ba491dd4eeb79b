using System.Buffers;

namespace LlmProxy.Usage.Counting;

/// <summary>
/// Byte pair encoding, counted and not kept: the pair with the lowest rank is merged first, the leftmost of equals, as
/// tiktoken does it. n·log n for a piece of n bytes, whatever is in it.
/// </summary>
internal static class PairMerge
{
    private const int NoRank = int.MaxValue;

    // Below it, looking through all pairs is faster than a heap.
    private const int ShortBytes = 96;

    public static int Count(TokenTable table, ReadOnlySpan<byte> piece) =>
        piece.Length < 2 || table.RankOf(piece) >= 0 ? 1
        : piece.Length <= ShortBytes ? CountShort(table, piece)
        : CountLong(table, piece);

    private static int CountShort(TokenTable table, ReadOnlySpan<byte> piece)
    {
        // Where the parts begin, with the end of the last one; and the rank of each part joined with the next.
        Span<int> starts = stackalloc int[piece.Length + 1];
        Span<int> ranks = stackalloc int[piece.Length];
        for (var i = 0; i <= piece.Length; i++)
        {
            starts[i] = i;
        }

        for (var i = 0; i < piece.Length; i++)
        {
            ranks[i] = RankAt(table, piece, starts, i, piece.Length);
        }

        var parts = piece.Length;
        while (true)
        {
            var best = 0;
            for (var i = 1; i < parts; i++)
            {
                best = ranks[i] < ranks[best] ? i : best;
            }

            if (ranks[best] == NoRank)
            {
                return parts;
            }

            starts[(best + 2)..(parts + 1)].CopyTo(starts[(best + 1)..]);
            ranks[(best + 1)..parts].CopyTo(ranks[best..]);
            parts--;
            ranks[best] = RankAt(table, piece, starts, best, parts);
            if (best > 0)
            {
                ranks[best - 1] = RankAt(table, piece, starts, best - 1, parts);
            }
        }
    }

    private static int RankAt(TokenTable table, ReadOnlySpan<byte> piece, Span<int> starts, int part, int parts) =>
        part + 2 <= parts ? RankOf(table, piece[starts[part]..starts[part + 2]]) : NoRank;

    private static int CountLong(TokenTable table, ReadOnlySpan<byte> piece)
    {
        var length = piece.Length;
        var rented = ArrayPool<int>.Shared.Rent(3 * (length + 2));
        try
        {
            // Parts are known by where they begin; index 0 stands before the first, length + 1 after the last.
            var next = rented.AsSpan(0, length + 2);
            var previous = rented.AsSpan(length + 2, length + 2);
            var ranks = rented.AsSpan(2 * (length + 2), length + 2);
            var queue = new PriorityQueue<int, long>(length);
            for (var i = 0; i < length + 2; i++)
            {
                (next[i], previous[i], ranks[i]) = (i + 1, i - 1, NoRank);
            }

            for (var i = 1; i < length; i++)
            {
                Rank(table, piece, next, ranks, queue, i);
            }

            var parts = length;
            while (queue.TryDequeue(out var part, out var key))
            {
                // Stale: this part was swallowed, or has another neighbour by now.
                if (ranks[part] != (int)(key >> 32))
                {
                    continue;
                }

                var swallowed = next[part];
                next[part] = next[swallowed];
                previous[next[part]] = part;
                ranks[swallowed] = NoRank;
                parts--;
                Rank(table, piece, next, ranks, queue, part);
                if (previous[part] > 0)
                {
                    Rank(table, piece, next, ranks, queue, previous[part]);
                }
            }

            return parts;
        }
        finally
        {
            ArrayPool<int>.Shared.Return(rented);
        }
    }

    /// <summary>Ranks the pair that begins with this part anew.</summary>
    private static void Rank(
        TokenTable table,
        ReadOnlySpan<byte> piece,
        Span<int> next,
        Span<int> ranks,
        PriorityQueue<int, long> queue,
        int part)
    {
        var second = next[part];
        ranks[part] = second <= piece.Length ? RankOf(table, piece[(part - 1)..(next[second] - 1)]) : NoRank;
        if (ranks[part] != NoRank)
        {
            queue.Enqueue(part, ((long)ranks[part] << 32) | (uint)part);
        }
    }

    private static int RankOf(TokenTable table, ReadOnlySpan<byte> pair) =>
        pair.Length <= table.LongestBytes && table.RankOf(pair) is var rank and >= 0 ? rank : NoRank;
}
