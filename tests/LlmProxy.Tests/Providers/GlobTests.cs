using CsCheck;
using LlmProxy.Providers;
using Xunit;

namespace LlmProxy.Tests.Providers;

public sealed class GlobTests
{
    [Theory]
    [InlineData("gpt-4o", "gpt-4o")]
    [InlineData("gpt-4o-*", "gpt-4o-mini")]
    [InlineData("gpt-4o-*", "gpt-4o-")]
    [InlineData("*", "")]
    [InlineData("**", "anything")]
    [InlineData("gpt-?", "gpt-5")]
    [InlineData("o[0-9]-mini", "o4-mini")]
    [InlineData("o[^0-3a]", "o4")]
    [InlineData("[abc-e]", "d")]
    [InlineData("meta/*", "meta/llama")]
    [InlineData("*/*-b", "a/b-b")]
    [InlineData("\\*\\[x\\]\\\\", "*[x]\\")]
    [InlineData("[\\]\\-]", "-")]
    [InlineData("*a*a*b", "aaxaab")]
    public void A_pattern_matches(string pattern, string text)
    {
        Assert.True(GlobOf(pattern).Matches(text));
    }

    [Theory]
    [InlineData("gpt-4o", "gpt-4o-mini")]
    [InlineData("gpt-4o", "GPT-4o")]
    [InlineData("gpt-4o", "xgpt-4o")]
    [InlineData("gpt-?", "gpt-")]
    [InlineData("gpt-?", "gpt-55")]
    [InlineData("*", "meta/llama")]
    [InlineData("meta?llama", "meta/llama")]
    [InlineData("meta[^a]llama", "meta/llama")]
    [InlineData("meta[.-0]llama", "meta/llama")]
    [InlineData("o[0-9]", "ox")]
    [InlineData("*-mini", "gpt-4o-mini\n")]
    [InlineData("", "x")]
    public void A_pattern_does_not_match(string pattern, string text)
    {
        Assert.False(Glob.Parse(pattern, out _)?.Matches(text) ?? false);
    }

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("gpt-[", "without a ']'")]
    [InlineData("gpt-[a", "without a ']'")]
    [InlineData("gpt-[]", "empty class")]
    [InlineData("gpt-[^]", "empty class")]
    [InlineData("gpt-[z-a]", "runs backwards")]
    [InlineData("gpt-[a-]", "range without an end")]
    [InlineData("gpt-[-a]", "joins no two characters")]
    [InlineData("gpt-[a-\\", "range without an end")]
    [InlineData("gpt\\", "backslash")]
    public void A_malformed_pattern_says_what_is_wrong(string pattern, string clause)
    {
        Assert.Null(Glob.Parse(pattern, out var wrong));

        Assert.Contains(clause, wrong, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pattern_is_not_longer_than_any_list_needs()
    {
        Assert.NotNull(Glob.Parse(new string('a', Glob.LengthMax), out _));
        Assert.Null(Glob.Parse(new string('a', Glob.LengthMax + 1), out _));
    }

    [Fact]
    public void It_agrees_with_a_matcher_that_tries_everything()
    {
        Gen.Select(SmallText("ab/*?[]^-\\", 8), SmallText("ab/-", 8)).Sample(
            static (pattern, text) =>
                Glob.Parse(pattern, out _) is not { } glob || glob.Matches(text) == NaiveMatch(pattern, text),
            iter: 200_000);
    }

    [Theory]
    [InlineData("*a*a*a*a*a*a*a*a*b")]
    [InlineData("*aaaaaaaaaaaaaaaab")]
    [InlineData("a*?a*?a*?[ab]*b")]
    [InlineData("*/*/*/*b")]
    public void A_hostile_value_costs_no_more_than_its_length_times_the_patterns(string pattern)
    {
        var hostile = new string('a', 100_000);

        Assert.False(GlobOf(pattern).Matches(hostile, out var steps));
        Assert.InRange(steps, 0, (long)hostile.Length * pattern.Length);
    }

    private static Glob GlobOf(string pattern)
    {
        var glob = Glob.Parse(pattern, out var wrong);
        Assert.True(glob is not null, wrong);
        return glob;
    }

    private static Gen<string> SmallText(string alphabet, int length) =>
        Gen.Char[alphabet].Array[0, length].Select(static characters => new string(characters));

    /// <summary>The definition, word for word, with every choice tried. The pattern must be well formed.</summary>
    private static bool NaiveMatch(ReadOnlySpan<char> pattern, ReadOnlySpan<char> text)
    {
        if (pattern.IsEmpty)
        {
            return text.IsEmpty;
        }

        switch (pattern[0])
        {
            case '*':
                return NaiveMatch(pattern[1..], text) || (text is [not '/', ..] && NaiveMatch(pattern, text[1..]));
            case '?':
                return text is [not '/', ..] && NaiveMatch(pattern[1..], text[1..]);
            case '[':
                var length = NaiveClass(pattern, text.IsEmpty ? '/' : text[0], out var isIn);
                return text is [not '/', ..] && isIn && NaiveMatch(pattern[length..], text[1..]);
            case '\\':
                return !text.IsEmpty && text[0] == pattern[1] && NaiveMatch(pattern[2..], text[1..]);
            default:
                return !text.IsEmpty && text[0] == pattern[0] && NaiveMatch(pattern[1..], text[1..]);
        }
    }

    private static int NaiveClass(ReadOnlySpan<char> pattern, char character, out bool isIn)
    {
        var at = 1;
        var isNegated = pattern[at] == '^';
        at += isNegated ? 1 : 0;
        isIn = false;
        while (pattern[at] != ']')
        {
            at += pattern[at] == '\\' ? 1 : 0;
            var (first, last) = (pattern[at], pattern[at]);
            at++;
            if (pattern[at] == '-')
            {
                at++;
                at += pattern[at] == '\\' ? 1 : 0;
                last = pattern[at++];
            }

            isIn |= first <= character && character <= last;
        }

        isIn ^= isNegated;
        return at + 1;
    }
}
