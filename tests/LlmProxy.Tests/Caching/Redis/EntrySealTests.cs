using System.Security.Cryptography;
using System.Text;
using CsCheck;
using LlmProxy.Caching;
using LlmProxy.Caching.Redis;
using LlmProxy.Secrets;
using Xunit;

namespace LlmProxy.Tests.Caching.Redis;

public sealed class EntrySealTests
{
    private static readonly byte[] OldKey = RandomNumberGenerator.GetBytes(SecretsOptions.KeyBytes);
    private static readonly byte[] NewKey = RandomNumberGenerator.GetBytes(SecretsOptions.KeyBytes);

    [Fact]
    public void Opens_what_it_sealed_for_the_same_purpose_and_no_other() =>
        Gen.Select(Gen.Byte.Array[0, 200], Gen.Byte.Array[0, 40], Gen.Byte.Array[0, 40]).Sample(
            (plain, purpose, other) =>
            {
                var seal = Seal(NewKey);
                var envelope = seal.Seal(plain, purpose);

                Assert.Equal(plain, seal.Open(envelope, purpose));
                Assert.True(purpose.SequenceEqual(other) || seal.Open(envelope, other) is null);
            });

    [Fact]
    public void Opens_nothing_that_was_changed() =>
        Gen.Select(Gen.Byte.Array[0, 60], Gen.Int[0, 1_000], Gen.Byte[1, 255]).Sample((plain, place, change) =>
        {
            var seal = Seal(NewKey);
            var envelope = seal.Seal(plain, "purpose"u8);
            envelope[place % envelope.Length] ^= change;

            Assert.Null(seal.Open(envelope, "purpose"u8));
        });

    [Fact]
    public void Opens_no_garbage() => Gen.Byte.Array[0, 100].Sample(bytes =>
        Assert.Null(Seal(NewKey).Open(bytes, "purpose"u8)));

    [Fact]
    public void Opens_what_the_previous_key_sealed_and_knows_it()
    {
        var seal = Seal(NewKey, OldKey);
        var old = Seal(OldKey).Seal("entry"u8, "purpose"u8);

        Assert.Equal("entry"u8.ToArray(), seal.Open(old, "purpose"u8));
        Assert.True(seal.IsOfPrevious(old));
        Assert.False(seal.IsOfPrevious(seal.Seal("entry"u8, "purpose"u8)));
    }

    [Fact]
    public void Opens_nothing_of_a_key_or_a_prefix_it_does_not_have()
    {
        var envelope = Seal(OldKey).Seal("entry"u8, "purpose"u8);

        Assert.Null(Seal(NewKey).Open(envelope, "purpose"u8));
        Assert.Null(new EntrySeal(Given.MasterKey(OldKey), "other:").Open(envelope, "purpose"u8));
    }

    [Fact]
    public void Names_of_one_project_begin_alike_and_tell_nothing_else()
    {
        var keys = Seal(NewKey).Keys[0];
        var (models, files) = (Name(keys, Given.Key("/v1/models")), Name(keys, Given.Key("/v1/files")));
        var other = Name(keys, Given.Key("/v1/models", Guid.CreateVersion7()));

        Assert.Equal("prefix:".Length + 22 + 1 + 22 + 1 + 43, models.Length);
        Assert.StartsWith(models[..52], files, StringComparison.Ordinal);
        Assert.DoesNotContain(models[52..], files, StringComparison.Ordinal);
        Assert.DoesNotContain(models[..29], other, StringComparison.Ordinal);
        Assert.DoesNotContain(models, Name(Seal(OldKey).Keys[0], Given.Key("/v1/models")), StringComparison.Ordinal);
    }

    private static string Name(EntryKeys keys, CacheKey key) => Encoding.ASCII.GetString(keys.NameOf(key));

    private static EntrySeal Seal(byte[] key, byte[]? previous = null) =>
        new(Given.MasterKey(key, previous), "prefix:");
}
