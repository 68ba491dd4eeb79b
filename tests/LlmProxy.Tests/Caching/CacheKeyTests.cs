using CsCheck;
using LlmProxy.Caching;
using Xunit;

namespace LlmProxy.Tests.Caching;

/// <summary>What answers are stored under.</summary>
public sealed class CacheKeyTests
{
    private static readonly Gen<Part> Parts = Gen.Select(
        Gen.Int[0, 2], OneOf("openai", "open", "ai/v1"), OneOf("GET", "POST"),
        Gen.String[Gen.Char["/av1"], 0, 6], Gen.String[Gen.Char["?=av"], 0, 6], Gen.Int[-1, 2],
        static (project, provider, method, path, query, body) =>
            new Part(project, provider, method, path, query, body));

    [Fact]
    public void Two_different_requests_never_share_a_key_and_equal_ones_always_do() =>
        Gen.Select(Parts, Parts).Sample(
            static (one, other) => (one == other) == (KeyOf(one) == KeyOf(other)), iter: 200_000);

    [Fact]
    public void Long_targets_have_keys_too() =>
        Assert.NotEqual(
            KeyOf(new Part(0, "openai", "GET", new string('a', 8_000), "", -1)),
            KeyOf(new Part(0, "openai", "GET", new string('a', 8_001), "", -1)));

    private static Gen<string> OneOf(params string[] words) =>
        Gen.Int[0, words.Length - 1].Select(index => words[index]);

    private static CacheKey KeyOf(Part part) => CacheKey.Of(
        new Guid(part.Project, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0]), part.Provider, part.Method, part.Path, part.Query,
        part.Body < 0 ? null : Digest.Of([(byte)part.Body]));

    private sealed record Part(int Project, string Provider, string Method, string Path, string Query, int Body);
}
