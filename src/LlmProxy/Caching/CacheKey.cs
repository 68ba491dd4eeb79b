using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace LlmProxy.Caching;

/// <summary>SHA-256 of something, as a value.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Digest(ulong A, ulong B, ulong C, ulong D)
{
    public const int Length = 32;

    public static Digest Of(ReadOnlySpan<byte> bytes)
    {
        Span<byte> hash = stackalloc byte[Length];
        SHA256.HashData(bytes, hash);
        return Read(hash);
    }

    public static Digest Read(ReadOnlySpan<byte> hash) => new(
        BinaryPrimitives.ReadUInt64BigEndian(hash), BinaryPrimitives.ReadUInt64BigEndian(hash[8..]),
        BinaryPrimitives.ReadUInt64BigEndian(hash[16..]), BinaryPrimitives.ReadUInt64BigEndian(hash[24..]));

    public void Write(Span<byte> hash)
    {
        BinaryPrimitives.WriteUInt64BigEndian(hash, A);
        BinaryPrimitives.WriteUInt64BigEndian(hash[8..], B);
        BinaryPrimitives.WriteUInt64BigEndian(hash[16..], C);
        BinaryPrimitives.WriteUInt64BigEndian(hash[24..], D);
    }

    // All bits of a hash are as good as any others.
    public override int GetHashCode() => (int)A;
}

/// <summary>
/// The primary cache key (RFC 9111 §2): what answers are stored under, before <c>Vary</c> tells them apart. The
/// project is always part of it, so nobody is served what another project has asked for.
/// </summary>
/// <param name="Project">Whose partition.</param>
/// <param name="Provider">Its name; bounds what a purge must look at.</param>
/// <param name="Digest">Of everything that makes the request this one, project and provider included.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct CacheKey(Guid Project, string Provider, Digest Digest)
{
    private const byte Version = 1;

    /// <summary>
    /// The key of a request. Each part goes in behind its length, so that no two different requests hash the same text.
    /// </summary>
    /// <param name="project">Whose request.</param>
    /// <param name="provider">The provider's name.</param>
    /// <param name="method">GET stands for HEAD too (RFC 9110 §9.3.2).</param>
    /// <param name="path">The raw path that the provider sees, behind its prefix.</param>
    /// <param name="query">With its question mark, or empty.</param>
    /// <param name="body">The hash of the body of a POST.</param>
    public static CacheKey Of(
        Guid project, string provider, string method, ReadOnlySpan<char> path, ReadOnlySpan<char> query, Digest? body)
    {
        var length = 1 + 16 + Digest.Length + (4 * sizeof(int))
            + Encoding.UTF8.GetMaxByteCount(provider.Length + method.Length + path.Length + query.Length);
        var rented = length > 1_024 ? ArrayPool<byte>.Shared.Rent(length) : null;
        var bytes = rented ?? stackalloc byte[length];
        bytes[0] = Version;
        project.TryWriteBytes(bytes[1..]);
        var end = 17;
        Append(bytes, ref end, provider);
        Append(bytes, ref end, method);
        Append(bytes, ref end, path);
        Append(bytes, ref end, query);
        if (body is { } hash)
        {
            hash.Write(bytes[end..]);
            end += Digest.Length;
        }

        var key = new CacheKey(project, provider, Digest.Of(bytes[..end]));
        if (rented is not null)
        {
            ArrayPool<byte>.Shared.Return(rented);
        }

        return key;
    }

    public bool Equals(CacheKey other) => Digest.Equals(other.Digest);

    public override int GetHashCode() => Digest.GetHashCode();

    private static void Append(Span<byte> bytes, ref int end, ReadOnlySpan<char> text)
    {
        var length = Encoding.UTF8.GetBytes(text, bytes[(end + sizeof(int))..]);
        BinaryPrimitives.WriteInt32BigEndian(bytes[end..], length);
        end += sizeof(int) + length;
    }
}
