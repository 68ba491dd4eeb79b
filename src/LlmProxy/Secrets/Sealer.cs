using System.Security.Cryptography;
using System.Text;

namespace LlmProxy.Secrets;

/// <summary>
/// Seals secrets for the database: AES-256-GCM (NIST SP 800-38D) with a fresh 96-bit nonce. The purpose is bound in as
/// associated data, so a sealed value that is moved to another row does not open there.
/// </summary>
/// <remarks>Envelope, in base64: 1 byte version, 4 bytes key id, 12 bytes nonce, 16 bytes tag, then the cipher
/// text.</remarks>
internal sealed class Sealer(MasterKey masterKey)
{
    private const byte Version = 1;
    private const int IdBytes = 4;
    private const int NonceBytes = 12;
    private const int TagBytes = 16;
    private const int TagAt = 1 + IdBytes + NonceBytes;
    private const int HeadBytes = TagAt + TagBytes;

    // Not before the master key is open, which is after all objects are made.
    private readonly Lazy<SealingKey> _present = new(() => new SealingKey(masterKey.Present));
    private readonly Lazy<SealingKey?> _previous =
        new(() => masterKey.Previous is { } key ? new SealingKey(key) : null);

    public string Seal(ReadOnlySpan<byte> secret, string purpose)
    {
        var envelope = new byte[HeadBytes + secret.Length];
        envelope[0] = Version;
        _present.Value.Id.CopyTo(envelope.AsSpan(1));
        var nonce = envelope.AsSpan(1 + IdBytes, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        using var aes = new AesGcm(_present.Value.Key, TagBytes);
        aes.Encrypt(
            nonce,
            secret,
            envelope.AsSpan(HeadBytes),
            envelope.AsSpan(TagAt, TagBytes),
            Encoding.UTF8.GetBytes(purpose));
        return Convert.ToBase64String(envelope);
    }

    /// <summary>
    /// Null when the envelope was not sealed by a key we have, for this purpose, or was changed since.
    /// </summary>
    public byte[]? Open(string envelope, string purpose)
    {
        if (Read(envelope) is not { } bytes || KeyOf(bytes) is not { } key)
        {
            return null;
        }

        var secret = new byte[bytes.Length - HeadBytes];
        using var aes = new AesGcm(key.Key, TagBytes);
        try
        {
            aes.Decrypt(
                bytes.AsSpan(1 + IdBytes, NonceBytes), bytes.AsSpan(HeadBytes), bytes.AsSpan(TagAt, TagBytes), secret,
                Encoding.UTF8.GetBytes(purpose));
            return secret;
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }
    }

    /// <summary>Whether the envelope was sealed by another key than the present one.</summary>
    public bool NeedsReseal(string envelope) => Read(envelope) is not { } bytes || KeyOf(bytes) != _present.Value;

    private static byte[]? Read(string envelope)
    {
        var bytes = new byte[envelope.Length];
        return Convert.TryFromBase64String(envelope, bytes, out var length) && length >= HeadBytes
            && bytes[0] == Version
            ? bytes[..length]
            : null;
    }

    private SealingKey? KeyOf(byte[] bytes)
    {
        var id = bytes.AsSpan(1, IdBytes);
        return id.SequenceEqual(_present.Value.Id) ? _present.Value
            : _previous.Value is { } previous && id.SequenceEqual(previous.Id) ? previous
            : null;
    }

    private sealed class SealingKey(byte[] masterKey)
    {
        public byte[] Key { get; } = Derive(masterKey, SecretsOptions.KeyBytes, "llm-proxy sealing key");

        public byte[] Id { get; } = Derive(masterKey, IdBytes, "llm-proxy sealing key id");

        private static byte[] Derive(byte[] masterKey, int length, string use) =>
            HKDF.DeriveKey(HashAlgorithmName.SHA256, masterKey, length, info: Encoding.UTF8.GetBytes(use));
    }
}
