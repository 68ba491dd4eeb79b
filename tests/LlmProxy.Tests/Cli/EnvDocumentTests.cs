using LlmProxy.Cli;
using LlmProxy.Settings;
using Xunit;

namespace LlmProxy.Tests.Cli;

public sealed class EnvDocumentTests : IDisposable
{
    private readonly Shell _shell = new();

    public void Dispose() => _shell.Dispose();

    [Theory]
    [InlineData("", "NAME=value\n")]
    [InlineData("A=1\n", "A=1\nNAME=value\n")]
    [InlineData("A=1", "A=1\nNAME=value\n")]
    [InlineData("# mine\n\nB='two words' # why\nA=1\n\n", "# mine\n\nB='two words' # why\nA=1\n\nNAME=value\n")]
    [InlineData("A=1\r\n", "A=1\r\nNAME=value\n")]
    [InlineData("NAME=\nA=1\n", "NAME=value\nA=1\n")]
    [InlineData("#NAME=old\n", "#NAME=old\nNAME=value\n")]
    public async Task Adds_and_keeps_everything_that_is_there(string before, string after)
    {
        await _shell.WriteAsync("env", before);

        await AddAsync("value");

        Assert.Equal(after, await _shell.ReadAsync("env"));
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("two words")]
    [InlineData("a#b")]
    [InlineData("it's")]
    [InlineData("say \"hello\"")]
    [InlineData("a=b")]
    public async Task What_it_writes_reads_back_as_it_was(string value)
    {
        await AddAsync(value);

        Assert.Equal(value, Assert.Single(EnvFile.Read(_shell.PathOf("env"), [])).Value);
    }

    [Theory]
    [InlineData("two\nlines")]
    [InlineData("both ' and \"")]
    public async Task What_would_not_read_back_is_refused(string value)
    {
        var refused = await Assert.ThrowsAsync<CommandFailure>(() => AddAsync(value));

        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.False(File.Exists(_shell.PathOf("env")));
    }

    [Fact]
    public async Task A_link_stays_a_link()
    {
        await _shell.WriteAsync("target", "A=1\n");
        File.CreateSymbolicLink(_shell.PathOf("env"), _shell.PathOf("target"));

        await AddAsync("value");

        Assert.Equal("A=1\nNAME=value\n", await _shell.ReadAsync("target"));
        Assert.NotNull(new FileInfo(_shell.PathOf("env")).LinkTarget);
    }

    [Fact]
    public async Task A_line_that_is_no_setting_is_told_with_its_place()
    {
        await _shell.WriteAsync("env", "A=1\nnonsense\n");

        var refused = await Assert.ThrowsAsync<CommandFailure>(() => AddAsync("value"));

        Assert.Contains("env:2:", refused.Message, StringComparison.Ordinal);
    }

    private async Task AddAsync(string value)
    {
        var stop = TestContext.Current.CancellationToken;
        var file = await EnvDocument.ReadAsync(_shell.PathOf("env"), stop);
        file.Add("NAME", value);
        await file.SaveAsync(stop);
    }
}
