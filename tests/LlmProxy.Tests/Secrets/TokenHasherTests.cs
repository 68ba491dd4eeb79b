using System.Security.Cryptography;
using System.Text;
using LlmProxy.Secrets;
using LlmProxy.Tokens;
using Xunit;

namespace LlmProxy.Tests.Secrets;

public sealed class TokenHasherTests
{
    private static readonly byte[] Key = [.. Enumerable.Range(0, TokenHasher.KeyBytes)
        .Select(static number => (byte)number)];

    [Fact]
    public void Is_the_hmac_of_the_standard_library()
    {
        using var hasher = Hasher(Key);
        var secret = TokenSecret.Create().Reveal();

        var expected = Convert.ToBase64String(HMACSHA256.HashData(Key, Encoding.ASCII.GetBytes(secret)));

        Assert.Equal(expected, hasher.Hash(secret).ToString());
    }

    [Fact]
    public void Gives_the_same_hash_on_every_thread()
    {
        using var hasher = Hasher(Key);
        var secrets = Enumerable.Range(0, 200).Select(static _ => TokenSecret.Create().Reveal()).ToList();
        var hashes = secrets.ConvertAll(secret => hasher.Hash(secret));

        var again = secrets.AsParallel().AsOrdered().Select(secret => hasher.Hash(secret)).ToList();

        Assert.Equal(hashes, again);
    }

    [Fact]
    public void Depends_on_the_key()
    {
        using var hasher = Hasher(Key);
        using var other = Hasher(RandomNumberGenerator.GetBytes(TokenHasher.KeyBytes));

        Assert.NotEqual(hasher.Hash("llmp_"), other.Hash("llmp_"));
    }

    [Fact]
    public void A_hash_is_itself_again_when_it_was_stored()
    {
        using var hasher = Hasher(Key);
        var hash = hasher.Hash("llmp_");

        Assert.Equal(hash, TokenHash.Parse(hash.ToString()));
    }

    private static TokenHasher Hasher(byte[] key)
    {
        var hasher = new TokenHasher();
        hasher.Use(key);
        return hasher;
    }
}
