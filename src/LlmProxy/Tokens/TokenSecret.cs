using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using LlmProxy.Secrets;

namespace LlmProxy.Tokens;

/// <summary>
/// The secret of a token: <c>llmp_</c>, 43 base62 characters (256 random bits), 6 characters of checksum. The checksum
/// lets garbage be turned away without a look-up; it proves nothing.
/// </summary>
internal static class TokenSecret
{
    public const string Prefix = "llmp_";
    private const int RandomLength = 43;
    private const int ChecksumLength = 6;
    public const int Length = 5 + RandomLength + ChecksumLength;

    private const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private static readonly SearchValues<char> Base62 = SearchValues.Create(Alphabet);

    public static Secret Create()
    {
        var random = RandomNumberGenerator.GetString(Alphabet, RandomLength);
        Span<char> checksum = stackalloc char[ChecksumLength];
        WriteChecksum(random, checksum);
        return new Secret(string.Concat(Prefix, random, checksum));
    }

    /// <summary>Whether the text has the form and the checksum of a token. Allocates nothing.</summary>
    public static bool IsWellFormed(ReadOnlySpan<char> text)
    {
        if (text.Length != Length || !text.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return false;
        }

        var rest = text[Prefix.Length..];
        if (rest.ContainsAnyExcept(Base62))
        {
            return false;
        }

        Span<char> checksum = stackalloc char[ChecksumLength];
        WriteChecksum(rest[..RandomLength], checksum);
        return rest[RandomLength..].SequenceEqual(checksum);
    }

    private static void WriteChecksum(ReadOnlySpan<char> random, Span<char> checksum)
    {
        Span<byte> bytes = stackalloc byte[RandomLength];
        Encoding.ASCII.GetBytes(random, bytes);
        var rest = Crc32(bytes);
        for (var i = ChecksumLength - 1; i >= 0; i--)
        {
            (rest, var digit) = Math.DivRem(rest, (uint)Alphabet.Length);
            checksum[i] = Alphabet[(int)digit];
        }
    }

    /// <summary>CRC-32 of ISO 3309, as zip files have it.</summary>
    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes)
        {
            crc = Table[(byte)(crc ^ value)] ^ (crc >> 8);
        }

        return ~crc;
    }

    private static readonly uint[] Table = [.. Enumerable.Range(0, 256).Select(static number =>
    {
        var entry = (uint)number;
        for (var bit = 0; bit < 8; bit++)
        {
            entry = (entry & 1) == 0 ? entry >> 1 : 0xEDB88320 ^ (entry >> 1);
        }

        return entry;
    })];
}
