using System.Globalization;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Guide;

/// <summary>
/// The examples of the guide are run as they stand there, one after the other in one shell for each page, against the
/// executable before the simulator; they answer what the page says.
/// </summary>
public sealed class GuideTests(ProxyBeforeSimulator rig) : IClassFixture<ProxyBeforeSimulator>
{
    private const string AddressOfTheGuide = "http://localhost:8080";

    [Theory]
    [InlineData("limits.md")]
    [InlineData("performance.md")]
    [InlineData("tokens.md")]
    [InlineData("usage-and-cost.md")]
    public async Task The_examples_of_a_page_answer_what_the_page_says(string page)
    {
        var examples = await GuideExample.AllOfAsync(page);
        using var folder = new TempFolder();
        await using var shell = await StartShellAsync(folder);
        var commands = 0;

        foreach (var example in examples)
        {
            var said = example.OnlyReads
                ? await Eventually.AnswersAsync(() => SaysAsync(example.Command), example.Fits, example.ToString())
                : await SaysAsync(example.Command);
            Assert.True(example.Fits(said), $"{example}\nSaid:\n{said}");
        }

        Assert.NotEmpty(examples);

        // The mark says that the command has ended, and is none that a command would print.
        async Task<string> SaysAsync(string command)
        {
            var before = shell.Output.Length;
            var mark = string.Create(CultureInfo.InvariantCulture, $"<end {++commands}>");
            await shell.TypeOnAsync(
                command.Replace(AddressOfTheGuide, rig.Proxy.Address.GetLeftPart(UriPartial.Authority),
                    StringComparison.Ordinal) + $"\necho '{mark}'\n");
            await Eventually.HoldsAsync(
                () => shell.Output.Contains(mark, StringComparison.Ordinal), $"{command} ended: {shell.Output}");
            return shell.Output[before..].Replace(mark, string.Empty, StringComparison.Ordinal);
        }
    }

    /// <summary>A shell in which <c>llm-proxy</c> is the executable under test and manages the rig's proxy.</summary>
    private async Task<ChildProcess> StartShellAsync(TempFolder folder)
    {
        File.CreateSymbolicLink(folder.File("llm-proxy"), Executable.FileName);
        var shell = ChildProcess.Start(
            "sh", folder.Path,
            [
                ("PATH", $"{folder.Path}:{Environment.GetEnvironmentVariable("PATH")}"),
                ("MANAGEMENT_TOKEN", ProxyProcess.ManagementToken),
                ("MANAGEMENT_API_BASE_URL", rig.Proxy.Address.GetLeftPart(UriPartial.Authority)),
                ("PROJECT_ID", await rig.Proxy.Management.CreateProjectAsync()),
            ]);
        await shell.TypeOnAsync("exec 2>&1\n");
        return shell;
    }
}
