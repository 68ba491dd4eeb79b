using System.Text.RegularExpressions;
using CsCheck;
using LlmProxy.Tokens;
using Xunit;

namespace LlmProxy.Tests.Tokens;

public sealed partial class TokenSecretTests
{
    private const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    [Fact]
    public void Has_its_prefix_and_49_characters_of_base62()
    {
        var secret = TokenSecret.Create().Reveal();

        Assert.Matches(Form(), secret);
        Assert.True(TokenSecret.IsWellFormed(secret));
    }

    [Fact]
    public void Is_never_the_same_twice() =>
        Assert.Equal(1_000, Enumerable.Range(0, 1_000).Select(static _ => TokenSecret.Create().Reveal())
            .Distinct(StringComparer.Ordinal).Count());

    [Fact]
    public void Uses_every_character_of_its_alphabet_about_as_often()
    {
        var counts = Enumerable.Range(0, 2_000).SelectMany(static _ => TokenSecret.Create().Reveal()[5..48])
            .CountBy(static character => character).ToDictionary();

        // 86,000 characters: 1,387 of each on average, with a standard deviation of 37.
        Assert.Equal(Alphabet.Length, counts.Count);
        Assert.All(counts.Values, static count => Assert.InRange(count, 1_387 - 260, 1_387 + 260));
    }

    [Fact]
    public void A_slip_of_one_character_is_noticed() =>
        Gen.Select(Gen.Int[0, TokenSecret.Length - 1], Gen.Char[Alphabet]).Sample((place, character) =>
        {
            var secret = TokenSecret.Create().Reveal();
            var slipped = string.Concat(secret.AsSpan(0, place), [character], secret.AsSpan(place + 1));

            Assert.Equal(slipped == secret, TokenSecret.IsWellFormed(slipped));
        });

    [Fact]
    public void No_garbage_is_taken_for_a_token() =>
        Gen.String[0, 80].Sample(garbage => Assert.False(TokenSecret.IsWellFormed(garbage)));

    [Theory]
    [InlineData("")]
    [InlineData("llmp_")]
    [InlineData("sk-proj-0123456789abcdef0123456789abcdef0123456789abcdef0")]
    public void What_is_no_token_is_turned_away(string text) => Assert.False(TokenSecret.IsWellFormed(text));

    [Fact]
    public void Neither_space_nor_foreign_digit_is_part_of_the_alphabet()
    {
        var secret = TokenSecret.Create().Reveal();

        Assert.False(TokenSecret.IsWellFormed(secret + " "));
        Assert.False(TokenSecret.IsWellFormed(" " + secret[..^1]));
        Assert.False(TokenSecret.IsWellFormed(secret[..^1] + "٣"));
    }

    [GeneratedRegex("^llmp_[0-9A-Za-z]{49}$", RegexOptions.None, 1_000)]
    private static partial Regex Form();
}
