using LlmProxy.Cli;
using Xunit;

namespace LlmProxy.Tests.Cli;

/// <summary>
/// Holds <c>docs/guide/cli.md</c> against the commands. With <c>UPDATE_CLI_GUIDE=1</c> the reference is written anew.
/// </summary>
public sealed class CliGuideTests
{
    private const string Page = "docs/guide/cli.md";
    private const string Begin = "<!-- Written from the commands by CliGuideTests with UPDATE_CLI_GUIDE=1. -->\n";

    [Fact]
    public async Task The_guide_describes_the_commands_as_they_describe_themselves()
    {
        var page = await Repository.ReadAsync(Page);
        var intro = page[..(page.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length)];
        var expected = intro + CommandReference.Render(CommandReference.Commands());

        if (Environment.GetEnvironmentVariable("UPDATE_CLI_GUIDE") == "1")
        {
            await File.WriteAllTextAsync(Repository.PathOf(Page), expected, TestContext.Current.CancellationToken);
            page = expected;
        }

        Assert.Equal(expected, page);
    }

    [Fact]
    public async Task The_guide_lists_every_exit_code()
    {
        var page = await Repository.ReadAsync(Page);
        var codes = typeof(ExitCode).GetFields().Select(static field => (int)field.GetRawConstantValue()!);

        Assert.All(codes, code => Assert.Contains($"| {code} | ", page, StringComparison.Ordinal));
    }
}
