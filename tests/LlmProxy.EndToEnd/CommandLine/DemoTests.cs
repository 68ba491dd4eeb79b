using System.Text.RegularExpressions;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.CommandLine;

/// <summary><c>llm-proxy demo</c> and <c>llm-proxy openai chat</c>: the first minute with the program.</summary>
public sealed partial class DemoTests : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private ChildProcess _demo = null!;
    private string _curl = null!;

    public async ValueTask InitializeAsync()
    {
        _demo = Executable.Start(_folder.Path, [], "demo");
        await Eventually.HoldsAsync(
            () => (Token().IsMatch(_demo.Output) && Curl().IsMatch(_demo.Output)) || _demo.HasExited,
            "the demo printed its curl");
        _curl = _demo.Output;
    }

    public async ValueTask DisposeAsync()
    {
        await _demo.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Prints_a_curl_that_can_be_pasted_and_answers()
    {
        var command = Curl().Match(_curl).Value;
        await using var shell = ChildProcess.Start("sh", _folder.Path, [], "-c", command);
        await shell.TypeAsync(string.Empty);

        var ended = await shell.EndAsync();

        Assert.True(ended.ExitCode == 0, $"{command}\n{ended.Errors}\n{_curl}");
        Assert.Contains("chat.completion", ended.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ends_on_control_c_and_leaves_nothing_behind()
    {
        await _demo.InterruptAsync();

        var ended = await _demo.EndAsync();

        Assert.Equal(0, ended.ExitCode);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [Theory]
    [InlineData("true")]
    [InlineData("false")]
    public async Task A_chat_through_a_pipe_answers_each_line(string stream)
    {
        var chat = await ChatAsync("Hello there\nAnd again\n", "--stream", stream);

        Assert.True(chat.ExitCode == 0, chat.Errors);
        Assert.True(chat.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length >= 2, chat.Output);
    }

    [Fact]
    public async Task A_chat_finds_the_proxy_and_the_token_in_the_environment()
    {
        var chat = await Executable.RunAsync(
            _folder.Path,
            [("PROXY_URL", Address()), ("PROXY_TOKEN", Token().Match(_curl).Value)],
            "Hello there\n",
            "openai", "chat");

        Assert.True(chat.ExitCode == 0, chat.Errors);
        Assert.NotEmpty(chat.Output);
    }

    [Fact]
    public async Task A_chat_ends_when_one_says_exit()
    {
        var chat = await ChatAsync("exit\nnever sent\n");

        Assert.Equal(0, chat.ExitCode);
        Assert.DoesNotContain("never sent", chat.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_chat_with_a_token_that_is_none_says_so()
    {
        var chat = await Executable.RunAsync(
            _folder.Path, [], "Hello\n", "openai", "chat", "--base-url", Address(), "--token", "llmp_unknown");

        Assert.Contains("401", chat.Errors + chat.Output, StringComparison.Ordinal);
    }

    private Task<CommandResult> ChatAsync(string input, params IEnumerable<string> more)
    {
        var token = Token().Match(_curl).Value;
        return Executable.RunAsync(
            _folder.Path, [], input, ["openai", "chat", "--base-url", Address(), "--token", token, .. more]);
    }

    private string Address() => HttpAddress().Match(Curl().Match(_curl).Value).Value;

    [GeneratedRegex("llmp_[0-9A-Za-z]{49}", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Token();

    [GeneratedRegex(@"http://[^/\s]+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex HttpAddress();

    /// <summary>From the word to the first line that does not end with a backslash.</summary>
    [GeneratedRegex(@"curl (?:[^\n]*\\\n)*[^\n]*", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Curl();
}
