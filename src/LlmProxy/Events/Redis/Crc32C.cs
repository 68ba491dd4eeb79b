using System.Numerics;
using System.Runtime.InteropServices;

namespace LlmProxy.Events.Redis;

/// <summary>
/// CRC-32C (Castagnoli), as in RFC 3720 appendix B.4, by the instruction that processors have for it.
/// </summary>
internal static class Crc32C
{
    public static uint Of(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (var word in words)
        {
            crc = BitOperations.Crc32C(crc, word);
        }

        foreach (var rest in bytes[(words.Length * sizeof(ulong))..])
        {
            crc = BitOperations.Crc32C(crc, rest);
        }

        return ~crc;
    }
}
