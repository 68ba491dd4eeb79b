using Xunit;

namespace LlmProxy.Tests.Providers;

public sealed class ProvidersGuideTests
{
    private readonly string _guide = File.ReadAllText(PathOf("docs/guide/providers.md"));

    [Fact]
    public void The_example_of_the_guide_is_a_right_file()
    {
        var example = _guide.Split("```yaml\n")[1].Split("```")[0];

        var file = Given.File(example);

        Assert.Equal(["openai", "openai-files", "anthropic"], file.Providers.Select(static one => one.Name).ToArray());
    }

    [Theory]
    [InlineData("x: 1\napis: {}", 2)]
    [InlineData("apis: {a: {x: 1}}", 12)]
    [InlineData("apis: {a: {timeouts: {x: 1}}}", 6)]
    [InlineData("apis: {a: {resilience: {x: 1}}}", 2)]
    [InlineData("apis: {a: {resilience: {circuit_breaker: {x: 1}}}}", 4)]
    [InlineData("apis: {a: {resilience: {retries: {x: 1}}}}", 3)]
    [InlineData("apis: {a: {connection: {x: 1}}}", 2)]
    [InlineData("apis: {a: {cache: {x: 1}}}", 2)]
    [InlineData("apis: {a: {cache: {post: [{x: 1}]}}}", 3)]
    public void The_guide_names_every_key(string yaml, int count)
    {
        var complaint = Given.Complaints(yaml).Single(static one => one.Contains(".x is", StringComparison.Ordinal)
            || one.Contains(" x is", StringComparison.Ordinal));
        var keys = complaint.TrimEnd('.').Split("known here are ")[1].Split(", ");

        Assert.Equal(count, keys.Length);
        Assert.All(keys, key => Assert.Contains($"\n| `{key}` |", _guide, StringComparison.Ordinal));
    }

    private static string PathOf(string file)
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "LlmProxy.slnx")))
        {
            folder = Path.GetDirectoryName(folder)!;
        }

        return Path.Combine(folder, file);
    }
}
