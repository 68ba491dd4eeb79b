using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace LlmProxy.Management;

/// <summary>
/// Writes and reads the cursor of a list: where the page ended, sealed together with the list and its filters, so
/// that a cursor that was altered or taken from another list is noticed instead of giving a strange page. The key
/// is derived from the management token, so any instance reads what another wrote.
/// </summary>
internal sealed class PageCursor(ManagementOptions options)
{
    private const int SealBytes = 12;
    private const int LengthMax = 1024;

    private readonly byte[] _key = HKDF.DeriveKey(
        HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(options.Token.Reveal()), 32, info: "page cursor"u8.ToArray());

    /// <param name="list">Names the list with its filters.</param>
    /// <param name="position">Whatever the list needs to go on after its last row.</param>
    public string Write(string list, string position)
    {
        var content = Encoding.UTF8.GetBytes(position);
        return Base64Url.EncodeToString([.. Seal(list, content), .. content]);
    }

    /// <summary>The position, or null when this cursor was not written here for this list.</summary>
    public string? Read(string list, string cursor)
    {
        if (cursor.Length > LengthMax || !Base64Url.IsValid(cursor, out var length) || length <= SealBytes)
        {
            return null;
        }

        var bytes = Base64Url.DecodeFromChars(cursor).AsSpan();
        var content = bytes[SealBytes..].ToArray();
        var isOurs = CryptographicOperations.FixedTimeEquals(bytes[..SealBytes], Seal(list, content));

        // Base64 has spare bits in its last character: only the one spelling that was issued is taken back.
        return isOurs && Base64Url.EncodeToString(bytes) == cursor ? Encoding.UTF8.GetString(content) : null;
    }

    private ReadOnlySpan<byte> Seal(string list, byte[] content)
    {
        byte[] sealedBytes = [.. Encoding.UTF8.GetBytes(list), 0, .. content];
        return HMACSHA256.HashData(_key, sealedBytes).AsSpan(0, SealBytes);
    }
}
