using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace LlmProxy.Usage.Counting;

/// <summary>Whether bytes in several pieces are UTF-8 as a whole.</summary>
internal static class Utf8Check
{
    public static bool IsValid(in ReadOnlySequence<byte> text)
    {
        if (text.IsSingleSegment)
        {
            return Utf8.IsValid(text.FirstSpan);
        }

        // The bytes of a character that began in one piece and ends in another.
        Span<byte> cut = stackalloc byte[4];
        var held = 0;
        foreach (var segment in text)
        {
            var piece = segment.Span;
            while (held > 0 && !piece.IsEmpty)
            {
                cut[held++] = piece[0];
                piece = piece[1..];
                switch (Rune.DecodeFromUtf8(cut[..held], out _, out _))
                {
                    case OperationStatus.Done:
                        held = 0;
                        break;
                    case OperationStatus.InvalidData:
                        return false;
                }
            }

            var whole = piece.Length - UnfinishedAtEnd(piece);
            if (!Utf8.IsValid(piece[..whole]))
            {
                return false;
            }

            piece[whole..].CopyTo(cut[held..]);
            held += piece.Length - whole;
        }

        return held == 0;
    }

    /// <summary>How many bytes at the end begin a character and do not finish it.</summary>
    private static int UnfinishedAtEnd(ReadOnlySpan<byte> piece)
    {
        for (var length = 1; length <= Math.Min(3, piece.Length); length++)
        {
            if (Rune.DecodeFromUtf8(piece[^length..], out _, out _) == OperationStatus.NeedMoreData)
            {
                return length;
            }
        }

        return 0;
    }
}
