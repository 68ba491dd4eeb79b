using System.Globalization;
using LlmProxy.Cli;
using Xunit;

namespace LlmProxy.Tests.Cli;

public sealed class TerminalWatchTests
{
    [Fact]
    public async Task Where_nobody_does_nothing_is_written()
    {
        var errors = new StringWriter(CultureInfo.InvariantCulture);
        var terminal = new Terminal(TextReader.Null, TextWriter.Null, errors);

        await terminal.WatchAsync(
            Task.FromException(new InvalidOperationException("for the caller to see")), static () => (0, "never"));

        Assert.Empty(errors.ToString());
    }
}
