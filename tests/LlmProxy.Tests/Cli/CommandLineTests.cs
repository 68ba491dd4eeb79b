using LlmProxy.Cli;
using LlmProxy.Settings;
using Xunit;

namespace LlmProxy.Tests.Cli;

public sealed class CommandLineTests : IDisposable
{
    private readonly Shell _shell = new();

    public void Dispose() => _shell.Dispose();

    [Theory]
    [InlineData("--help")]
    [InlineData("-h")]
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
        var help = await _shell.RunAsync(arguments);

        Assert.StartsWith("Description:", help.Succeeded(), StringComparison.Ordinal);
        Assert.Contains("llm-proxy", help.Output, StringComparison.Ordinal);
        Assert.Empty(help.Errors);
    }

    [Fact]
    public async Task Help_ends_with_examples()
    {
        var help = await _shell.RunAsync("openai", "chat", "--help");

        Assert.Contains("Examples:", help.Output, StringComparison.Ordinal);
        Assert.Contains("| llm-proxy openai chat --no-stream", help.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_version_is_one_line_with_the_programs_name()
    {
        var version = await _shell.RunAsync("--version");

        Assert.Matches(@"^llm-proxy \d+\.\d+\.\d+ \(.+\)\n$", version.Succeeded());
    }

    [Theory]
    [InlineData("'frobnicate' is not a command or an option of 'llm-proxy'.", "frobnicate")]
    [InlineData("'x' is not a command or an option of 'llm-proxy manage token'.", "manage", "token", "x")]
    [InlineData("'--nope' is not a command or an option of 'llm-proxy server'.", "--nope")]
    [InlineData("'surplus' is not a command or an option of 'llm-proxy demo'.", "demo", "surplus")]
    [InlineData("'llm-proxy manage' needs a command: project, token, usage, cache.", "manage")]
    [InlineData("Option '--name' is required.", "manage", "project", "create")]
    [InlineData("Required argument 'id' missing for command: 'get'.", "manage", "project", "get")]
    public async Task What_cannot_be_understood_is_a_sentence_and_a_hint_and_exit_code_1(
        string sentence, params string[] arguments)
    {
        var refused = await _shell.RunAsync(arguments);

        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.Empty(refused.Output);
        Assert.Equal(sentence, refused.Errors.Split('\n')[0]);
        Assert.Matches(@"^See 'llm-proxy.* --help'\.$", refused.Errors.Split('\n')[1]);
    }

    [Fact]
    public async Task A_file_name_behind_an_at_sign_is_a_value_and_no_file_to_be_read()
    {
        await _shell.RunAsync("server", "--db", "@data.db");

        Assert.Equal("@data.db", Assert.Single(_shell.ServerFlags)["DATABASE_PATH"]);
    }

    [Fact]
    public async Task A_start_that_fails_is_told_in_its_own_words()
    {
        _shell.StartSimulator = static () => throw new StartFailure("ENV is not there.\nDATABASE_PATH is a folder.");

        var failed = await _shell.RunAsync("simulator");

        Assert.Equal((ExitCode.Usage, string.Empty), (failed.ExitCode, failed.Output));
        Assert.Equal("ENV is not there.\nDATABASE_PATH is a folder.\n", failed.Errors);
    }

    [Fact]
    public async Task What_nobody_expected_says_so_and_is_no_success()
    {
        _shell.StartSimulator = static () => throw new InvalidOperationException("boom");

        var failed = await _shell.RunAsync("simulator");

        Assert.Equal(ExitCode.Usage, failed.ExitCode);
        Assert.StartsWith("llm-proxy failed unexpectedly: ", failed.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_command_that_is_interrupted_says_nothing_and_has_the_exit_code_of_shells()
    {
        using var interrupted = new CancellationTokenSource();
        await interrupted.CancelAsync();

        var ended = await _shell.RunAsync(
            interrupted.Token, "manage", "project", "list", "--management-token", FakeApi.ManagementToken);

        Assert.Equal(new Outcome(ExitCode.Interrupted, string.Empty, string.Empty), ended);
    }
}
