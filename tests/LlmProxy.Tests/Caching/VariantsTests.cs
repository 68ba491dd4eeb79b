using CsCheck;
using LlmProxy.Caching;
using LlmProxy.Proxying;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Xunit;

namespace LlmProxy.Tests.Caching;

public sealed class VariantsTests
{
    private static readonly string[] FooBarBaz = ["bar", "baz", "foo"];

    private static readonly string[] FooBar = ["bar", "foo"];

    private static readonly string[] Implied =
        ["anthropic-beta", "anthropic-version", "openai-beta", "openai-organization", "openai-project"];

    [Fact]
    public void What_providers_answer_differently_by_tells_answers_apart_though_they_do_not_say_so()
    {
        Assert.Equal(Implied, Variants.ReadNames("GET", StringValues.Empty));
        Assert.Superset(
            new HashSet<string>(["accept", "content-encoding", "content-type"], StringComparer.Ordinal),
            Variants.ReadNames("POST", StringValues.Empty)!.ToHashSet(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("Vary: Foo, bar", "Vary: BAZ,foo,,", "bar,baz,foo")]
    [InlineData("Vary: Accept-Encoding", "Vary: Authorization, X-Api-Key, Cookie", "accept-encoding")]
    [InlineData("Vary: authorization", "Vary: ", "")]
    [InlineData("Vary: Origin", "X: y", "origin")]
    public void Names_are_kept_sorted_once_each_without_those_that_the_provider_never_sees(
        string first, string second, string names)
    {
        var vary = Example.Fields(first, second).Find("Vary");

        var read = Variants.ReadNames("GET", vary)?.Except(Implied, StringComparer.Ordinal);
        Assert.Equal(names, string.Join(',', read ?? ["*"]));
    }

    [Theory]
    [InlineData("Vary: *")]
    [InlineData("Vary: *, *")]
    [InlineData("Vary: , *")]
    [InlineData("Vary: *, Foo")]
    [InlineData("Vary: Foo, *")]
    [InlineData("Vary: Foo Bar")]
    [InlineData("Vary: \"Foo\"")]
    [InlineData("Vary: ", "Vary: *")]
    public void What_no_cache_can_compare_matches_nothing(params string[] lines)
    {
        Assert.Null(Variants.ReadNames("GET", Example.Fields(lines).Find("Vary")));
    }

    [Fact]
    public void More_names_than_anybody_has_match_nothing()
    {
        Assert.NotNull(Variants.ReadNames("GET", Names(32)));
        Assert.Null(Variants.ReadNames("GET", Names(33)));

        static string Names(int count) => string.Join(',', Enumerable.Range(0, count).Select(static i => "n" + i));
    }

    [Fact]
    public void Nothing_that_is_forwarded_is_left_out()
    {
        Assert.All(
            Variants.SameForAll,
            static name => Assert.False(HeaderPolicy.Forwards(name, StringValues.Empty), name));
    }

    [Theory]
    [InlineData("Foo: 1", "Foo: 1", true)]
    [InlineData("Foo: 1", "foo: 1", true)]
    [InlineData("Foo: 1", "Foo: 2", false)]
    [InlineData("Foo: 1", "Other: 1", false)]
    [InlineData("Other: 1", "Foo: 1", false)]
    [InlineData("Other: 1", "Another: 2", true)]
    [InlineData("Foo: ", "Other: 1", false)]
    [InlineData("Foo: 1", "Bar: 1", false)]
    [InlineData("Foo: 1, 2", "Foo: 1,2", true)]
    [InlineData("Foo: 1,2", "Foo:  1, 2 ", true)]
    [InlineData("Foo: 1, 2", "Foo: 2, 1", false)]
    [InlineData("Foo: a", "Foo: A", false)]
    [InlineData("Foo: \"a, b\"", "Foo: \"a,b\"", false)]
    [InlineData("Accept-Language: en, de", "Accept-Language: eN ,  De", true)]
    [InlineData("Accept-Language: en, de", "Accept-Language: de, en", false)]
    [InlineData("Accept-Encoding: gzip, br;q=1", "Accept-Encoding: BR;q=1,GZIP", true)]
    [InlineData("Accept-Encoding: gzip, br", "Accept-Encoding: gzip", false)]
    public void Requests_are_alike_when_they_mean_the_same(string one, string other, bool areAlike)
    {
        string[] names = ["accept-encoding", "accept-language", .. FooBarBaz];

        Assert.Equal(areAlike, DigestOf(names, one) == DigestOf(names, other));
    }

    [Fact]
    public void Lines_mean_the_same_as_one_line()
    {
        Assert.Equal(DigestOf(FooBarBaz, "Foo: 1, 2"), DigestOf(FooBarBaz, "Foo: 1", "Foo: 2"));
        Assert.NotEqual(DigestOf(FooBarBaz, "Foo: 12"), DigestOf(FooBarBaz, "Foo: 1", "Foo: 2"));
    }

    [Fact]
    public void Digests_are_equal_exactly_when_the_normal_forms_are()
    {
        var value = Gen.Char["a,\" "].Array[0, 4].Select(static text => new string(text));
        var field = value.Array[0, 2];
        var request = Gen.Select(field, field);

        Gen.Select(request, request).Sample(
            static (one, other) => Assert.Equal(
                (NormalForm(one.Item1), NormalForm(one.Item2)) == (NormalForm(other.Item1), NormalForm(other.Item2)),
                Variants.DigestOf(FooBar, Request(one)) == Variants.DigestOf(FooBar, Request(other))),
            iter: 100_000, threads: 1);
    }

    [Fact]
    public void Of_several_variants_the_latest_that_is_for_the_request_is_selected()
    {
        var one = Variant("Foo: 1", "Vary: Foo");
        var two = Variant("Foo: 2", "Vary: Foo");
        var both = Variant("Foo: 1", "Vary: Foo, Bar");

        Assert.Same(one, Variants.Select([two, one], Example.Request("Foo: 1")));
        Assert.Same(two, Variants.Select([two, one], Example.Request("Foo: 2", "Other: 1")));
        Assert.Same(both, Variants.Select([two, both, one], Example.Request("Foo: 1")));
        Assert.Same(one, Variants.Select([two, both, one], Example.Request("Foo: 1", "Bar: 1")));
        Assert.Null(Variants.Select([two, both, one], Example.Request("Foo: 3")));
        Assert.Null(Variants.Select([], Example.Request("Foo: 1")));
    }

    [Fact]
    public void An_answer_that_differs_by_nothing_is_for_every_request()
    {
        var plain = Example.Stored("Cache-Control: max-age=60");

        Assert.Same(plain, Variants.Select([plain], Example.Request("Foo: 3")));
    }

    private static StoredResponse Variant(string request, string vary) =>
        Example.StoredFor(Example.Request(request), "Cache-Control: max-age=60", vary);

    private static Digest DigestOf(string[] names, params string[] lines) =>
        Variants.DigestOf(names, Example.Request(lines));

    private static HeaderDictionary Request((string[] Foo, string[] Bar) fields) =>
        new() { ["Foo"] = fields.Foo, ["Bar"] = fields.Bar };

    /// <summary>As the rules have it, written in another way: by taking quoted strings out first.</summary>
    private static string NormalForm(string[] lines)
    {
        if (lines.Length == 0)
        {
            return "absent";
        }

        return "=" + string.Join(',', lines.Select(NormalLine));
    }

    private static string NormalLine(string line)
    {
        var parts = line.Split('"');

        // Without its partner the last quote is a character of what it stands in.
        var strings = (parts.Length - 1) / 2 * 2;
        var text = string.Empty;
        var members = new List<string>();
        for (var i = 0; i < parts.Length; i++)
        {
            var isString = i % 2 == 1 && i <= strings;
            var pieces = isString ? [parts[i]] : parts[i].Split(',');
            text += (i == 0 ? string.Empty : "\"") + pieces[0];
            foreach (var piece in pieces.Skip(1))
            {
                members.Add(text.Trim());
                text = piece;
            }
        }

        return string.Join(',', [.. members, text.Trim()]);
    }
}
