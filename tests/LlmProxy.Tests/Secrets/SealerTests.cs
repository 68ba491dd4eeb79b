using System.Security.Cryptography;
using CsCheck;
using LlmProxy.Secrets;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace LlmProxy.Tests.Secrets;

public sealed class SealerTests
{
    private static readonly byte[] OldKey = RandomNumberGenerator.GetBytes(SecretsOptions.KeyBytes);
    private static readonly byte[] NewKey = RandomNumberGenerator.GetBytes(SecretsOptions.KeyBytes);

    [Fact]
    public void Opens_what_it_sealed_for_the_same_purpose_and_no_other() =>
        Gen.Select(Gen.Byte.Array[0, 200], Gen.String, Gen.String).Sample((secret, purpose, other) =>
        {
            var sealer = Sealer(NewKey);
            var envelope = sealer.Seal(secret, purpose);

            Assert.Equal(secret, sealer.Open(envelope, purpose));
            Assert.True(purpose == other || sealer.Open(envelope, other) is null);
        });

    [Fact]
    public void Opens_nothing_that_was_changed() =>
        Gen.Select(Gen.Byte.Array[0, 60], Gen.Int[0, 1_000], Gen.Byte[1, 255]).Sample((secret, place, change) =>
        {
            var sealer = Sealer(NewKey);
            var bytes = Convert.FromBase64String(sealer.Seal(secret, "purpose"));
            bytes[place % bytes.Length] ^= change;

            Assert.Null(sealer.Open(Convert.ToBase64String(bytes), "purpose"));
        });

    [Theory]
    [InlineData("")]
    [InlineData("not base64!")]
    [InlineData("AQIDBA==")]
    public void Opens_no_garbage(string garbage) => Assert.Null(Sealer(NewKey).Open(garbage, "purpose"));

    [Fact]
    public void Never_seals_the_same_secret_to_the_same_envelope()
    {
        var sealer = Sealer(NewKey);

        var envelopes = Enumerable.Range(0, 1_000).Select(_ => sealer.Seal("secret"u8, "purpose"));

        Assert.Equal(1_000, envelopes.Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public void Opens_what_the_previous_key_sealed_and_wants_it_sealed_anew()
    {
        var old = Sealer(OldKey).Seal("secret"u8, "purpose");
        var sealer = Sealer(NewKey, OldKey);

        var anew = sealer.Seal(sealer.Open(old, "purpose"), "purpose");

        Assert.True(sealer.NeedsReseal(old));
        Assert.False(sealer.NeedsReseal(anew));
        Assert.Equal("secret"u8.ToArray(), Sealer(NewKey).Open(anew, "purpose"));
    }

    [Fact]
    public void Opens_nothing_of_a_key_it_does_not_have() =>
        Assert.Null(Sealer(NewKey).Open(Sealer(OldKey).Seal("secret"u8, "purpose"), "purpose"));

    private static Sealer Sealer(byte[] key, byte[]? previous = null)
    {
        var masterKey = new MasterKey(new SecretsOptions(key, previous), NullLogger<MasterKey>.Instance);
        masterKey.Open("nowhere", isNewDatabase: false);
        return new Sealer(masterKey);
    }
}
