using System.Globalization;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.CommandLine;

/// <summary>What the executable says about itself.</summary>
public sealed class HelpTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("--help")]
    [InlineData("server", "--help")]
    [InlineData("setup", "--help")]
    [InlineData("manage", "--help")]
    [InlineData("manage", "project", "--help")]
    [InlineData("manage", "project", "create", "--help")]
    [InlineData("manage", "token", "--help")]
    [InlineData("manage", "token", "generate", "--help")]
    [InlineData("openai", "--help")]
    [InlineData("openai", "chat", "--help")]
    [InlineData("health", "--help")]
    [InlineData("benchmark", "--help")]
    [InlineData("demo", "--help")]
    [InlineData("simulator", "--help")]
    public async Task Every_level_explains_itself_on_standard_output(params string[] arguments)
    {
        var help = await RunAsync(arguments);

        Assert.Equal(0, help.ExitCode);
        Assert.Contains("Usage", help.Output, StringComparison.OrdinalIgnoreCase);
        Assert.Empty(help.Errors);
    }

    [Fact]
    public async Task It_tells_its_version()
    {
        var version = await RunAsync("--version");

        Assert.Equal(0, version.ExitCode);
        Assert.Matches(@"^llm-proxy \d+\.\d+\.\d+", version.Output);
    }

    [Fact]
    public async Task Its_libraries_are_past_the_patches_that_have_published_holes()
    {
        var version = await RunAsync("--version");

        var patches = version.Output.Split(' ', ',')
            .Where(static word => word.StartsWith("10.0.", StringComparison.Ordinal))
            .Select(static word => int.Parse(word.AsSpan(5), CultureInfo.InvariantCulture));
        Assert.Equal(3, patches.Count());
        Assert.All(patches.Take(2), static patch => Assert.InRange(patch, 13, 99));
    }

    [Fact]
    public async Task An_unknown_command_is_exit_code_1_and_says_so_on_standard_error()
    {
        var refused = await RunAsync("frobnicate");

        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("frobnicate", refused.Errors, StringComparison.Ordinal);
    }

    private Task<CommandResult> RunAsync(params string[] arguments) =>
        Executable.RunAsync(_folder.Path, [], string.Empty, arguments);
}
