using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using LlmProxy.Secrets;

namespace LlmProxy.Caching.Redis;

/// <summary>
/// What Redis gets to see: names that are keyed hashes, and values sealed with AES-256-GCM (NIST SP 800-38D). Where a
/// value belongs is bound in as associated data, so one that is moved does not open.
/// </summary>
/// <remarks>
/// <para>Envelope: 1 byte version, 4 bytes key id, 12 bytes salt, 12 bytes nonce, 16 bytes tag, then the cipher text.
/// Each value has a key of its own, the HMAC-SHA-256 of its salt: random nonces under one key would last for 2³²
/// values only, which a busy cache writes within weeks.</para>
/// <para>All keys are derived from the master key and the prefix. After a change of the master key what the previous
/// one sealed is found and opened as long as that one is in the settings.</para>
/// </remarks>
internal sealed class EntrySeal(MasterKey masterKey, string prefix)
{
    private const byte Version = 1;
    private const int IdBytes = 4;
    private const int SaltBytes = 12;
    private const int NonceBytes = 12;
    private const int TagBytes = 16;
    private const int SaltAt = 1 + IdBytes;
    private const int NonceAt = SaltAt + SaltBytes;
    private const int TagAt = NonceAt + NonceBytes;
    private const int HeadBytes = TagAt + TagBytes;

    // Not before the master key is open, which is after all objects are made.
    private readonly Lazy<EntryKeys[]> _keys = new(() => masterKey.Previous is { } previous
        ? [new EntryKeys(masterKey.Present, prefix), new EntryKeys(previous, prefix)]
        : [new EntryKeys(masterKey.Present, prefix)]);

    /// <summary>Those of the present master key, and behind them those of the previous one if there is one.</summary>
    public IReadOnlyList<EntryKeys> Keys => _keys.Value;

    /// <summary>Seals under the present key.</summary>
    public byte[] Seal(ReadOnlySpan<byte> plain, ReadOnlySpan<byte> purpose)
    {
        var keys = _keys.Value[0];
        var envelope = new byte[HeadBytes + plain.Length];
        envelope[0] = Version;
        keys.Id.CopyTo(envelope.AsSpan(1));
        RandomNumberGenerator.Fill(envelope.AsSpan(SaltAt, SaltBytes + NonceBytes));
        using var aes = keys.CipherOf(envelope.AsSpan(SaltAt, SaltBytes), TagBytes);
        aes.Encrypt(
            envelope.AsSpan(NonceAt, NonceBytes), plain, envelope.AsSpan(HeadBytes), envelope.AsSpan(TagAt, TagBytes),
            purpose);
        return envelope;
    }

    /// <summary>
    /// Null when the envelope was not sealed by a key we have, for this purpose, or was changed since.
    /// </summary>
    public byte[]? Open(ReadOnlySpan<byte> envelope, ReadOnlySpan<byte> purpose)
    {
        if (envelope.Length < HeadBytes || envelope[0] != Version || KeysOf(envelope.Slice(1, IdBytes)) is not { } keys)
        {
            return null;
        }

        var plain = new byte[envelope.Length - HeadBytes];
        using var aes = keys.CipherOf(envelope.Slice(SaltAt, SaltBytes), TagBytes);
        try
        {
            aes.Decrypt(
                envelope.Slice(NonceAt, NonceBytes), envelope[HeadBytes..], envelope.Slice(TagAt, TagBytes), plain,
                purpose);
            return plain;
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }
    }

    /// <summary>Whether the envelope says that the previous key sealed it.</summary>
    public bool IsOfPrevious(ReadOnlySpan<byte> envelope) =>
        envelope.Length >= HeadBytes && !envelope.Slice(1, IdBytes).SequenceEqual(_keys.Value[0].Id);

    private EntryKeys? KeysOf(ReadOnlySpan<byte> id)
    {
        foreach (var keys in _keys.Value)
        {
            if (id.SequenceEqual(keys.Id))
            {
                return keys;
            }
        }

        return null;
    }
}

/// <summary>What is derived from one master key.</summary>
internal sealed class EntryKeys(byte[] masterKey, string prefix)
{
    /// <summary>A tag that names a project or a provider; text of 22 characters.</summary>
    private const int GroupTagBytes = 16;

    /// <summary>A field's name is so long.</summary>
    public const int FieldBytes = 16;

    private readonly byte[] _sealingKey =
        Derive(masterKey, SecretsOptions.KeyBytes, $"llm-proxy cache sealing {prefix}");
    private readonly byte[] _namingKey =
        Derive(masterKey, SecretsOptions.KeyBytes, $"llm-proxy cache naming {prefix}");

    public byte[] Id { get; } = Derive(masterKey, 4, $"llm-proxy cache key id {prefix}");

    /// <summary>
    /// Prefix, project, provider and digest, all but the first as keyed hashes: a reader of Redis sees that two keys
    /// are of one project, not of which.
    /// </summary>
    public byte[] NameOf(in CacheKey key) =>
        Encoding.UTF8.GetBytes(
            $"{prefix}{ProjectTag(key.Project)}:{ProviderTag(key.Provider)}:{DigestTag(key.Digest)}");

    /// <summary>Matches the names of all that the selector may choose, as far as names tell.</summary>
    public string PatternOf(CacheSelector selector) => string.Concat(
        Escaped(prefix),
        selector.Project is { } project ? ProjectTag(project) : "*", ":",
        selector.Provider is { } provider ? ProviderTag(provider) : "*", ":",
        selector.Key is { } digest ? DigestTag(digest) : "*");

    /// <summary>The field of a variant: the same for what replaces it.</summary>
    public byte[] FieldOf(StoredResponse response)
    {
        var writer = new ByteWriter(256);
        writer.Byte((byte)'v');
        writer.Digest(response.VaryDigest);
        foreach (var name in response.VaryNames)
        {
            writer.Text(name);
        }

        return HMACSHA256.HashData(_namingKey, writer.Written)[..FieldBytes];
    }

    public AesGcm CipherOf(ReadOnlySpan<byte> salt, int tagBytes)
    {
        Span<byte> key = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(_sealingKey, salt, key);
        return new AesGcm(key, tagBytes);
    }

    private string ProjectTag(Guid project)
    {
        Span<byte> named = stackalloc byte[17];
        named[0] = (byte)'p';
        project.TryWriteBytes(named[1..]);
        return Tag(named, GroupTagBytes);
    }

    private string ProviderTag(string provider) => Tag(Encoding.UTF8.GetBytes("n" + provider), GroupTagBytes);

    private string DigestTag(Digest digest)
    {
        Span<byte> named = stackalloc byte[1 + Digest.Length];
        named[0] = (byte)'d';
        digest.Write(named[1..]);
        return Tag(named, HMACSHA256.HashSizeInBytes);
    }

    private string Tag(ReadOnlySpan<byte> named, int length)
    {
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(_namingKey, named, hash);
        return Base64Url.EncodeToString(hash[..length]);
    }

    // The glob of Redis knows * ? [ ] ^ - and the backslash.
    private static string Escaped(string text) => string.Concat(text.Select(static character =>
        char.IsAsciiLetterOrDigit(character) || !char.IsAscii(character) ? $"{character}" : $"\\{character}"));

    private static byte[] Derive(byte[] masterKey, int length, string use) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, masterKey, length, info: Encoding.UTF8.GetBytes(use));
}
