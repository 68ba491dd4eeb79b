using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace LlmProxy.Tokens;

/// <summary>HMAC-SHA-256 of a token's secret: what is stored, and what it is found by.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct TokenHash(ulong First, ulong Second, ulong Third, ulong Fourth)
{
    public static TokenHash Of(ReadOnlySpan<byte> bytes) => MemoryMarshal.Read<TokenHash>(bytes);

    public byte[] ToArray() => MemoryMarshal.AsBytes(new ReadOnlySpan<TokenHash>(in this)).ToArray();

    // The bytes are random already.
    public override int GetHashCode() => (int)First;
}

/// <summary>
/// Hashes secrets under a key that is sealed in the database. Secrets are 256 random bits, so a fast hash is enough; the
/// key makes a stolen database worthless even for guessing.
/// </summary>
internal sealed class TokenHasher(byte[] key)
{
    public const int KeyBytes = 32;

    public TokenHash Hash(ReadOnlySpan<char> secret)
    {
        Span<byte> text = stackalloc byte[TokenSecret.Length];
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        Encoding.ASCII.GetBytes(secret, text);
        HMACSHA256.HashData(key, text, hash);
        return TokenHash.Of(hash);
    }
}
