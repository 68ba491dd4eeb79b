using System.Buffers;
using LlmProxy.Http;

namespace LlmProxy.Events;

/// <summary>What compressed bytes that were kept of a body inflate to, as far as that may go.</summary>
internal static class Inflated
{
    /// <summary>The plain bytes, and whether that is not all of them; null when they cannot be read.</summary>
    /// <param name="bytes">From the first one on.</param>
    /// <param name="coding">How they are compressed.</param>
    /// <param name="bytesMax">How many plain bytes are wanted.</param>
    public static (byte[] Plain, bool IsCut)? Read(ReadOnlySpan<byte> bytes, ContentCoding coding, int bytesMax)
    {
        if (coding == ContentCoding.Unreadable)
        {
            return null;
        }

        using var inflation = new Inflation(coding);
        var plain = new ArrayBufferWriter<byte>();
        while (!bytes.IsEmpty && !inflation.IsBroken)
        {
            var slice = bytes[..Math.Min(bytes.Length, Inflation.FeedBytesMax)];
            bytes = bytes[slice.Length..];
            inflation.Feed(slice);
            for (var block = inflation.Next(); !block.IsEmpty; block = inflation.Next())
            {
                var room = bytesMax - plain.WrittenCount;
                plain.Write(block[..Math.Min(block.Length, room)]);
                if (block.Length > room)
                {
                    return (plain.WrittenSpan.ToArray(), true);
                }
            }
        }

        return inflation.IsBroken && plain.WrittenCount == 0
            ? null
            : (plain.WrittenSpan.ToArray(), !inflation.IsComplete());
    }
}
