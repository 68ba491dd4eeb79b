using System.Globalization;
using LlmProxy.Cli;
using Xunit;

namespace LlmProxy.Tests.Cli;

public sealed class TerminalWatchTests
{
    [Fact]
    public async Task Where_somebody_sees_it_a_bar_shows_how_far_the_work_is()
    {
        var work = new TaskCompletionSource();
        var screen = new Screen("half of [it]", work);
        var terminal = new Terminal(TextReader.Null, TextWriter.Null, screen) { ErrorsAreAnsi = true };

        await terminal.WatchAsync(work.Task, static () => (0.5, "half of [it]\e[2J"))
            .WaitAsync(TestContext.Current.CancellationToken);

        Assert.Contains("50%", screen.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_nobody_does_nothing_is_written()
    {
        var errors = new StringWriter(CultureInfo.InvariantCulture);
        var terminal = new Terminal(TextReader.Null, TextWriter.Null, errors);

        await terminal.WatchAsync(
            Task.FromException(new InvalidOperationException("for the caller to see")), static () => (0, "never"));

        Assert.Empty(errors.ToString());
    }

    /// <summary>Ends the work once a text is to be read on it.</summary>
    private sealed class Screen(string text, TaskCompletionSource work) : StringWriter(CultureInfo.InvariantCulture)
    {
        public override void Write(string? value)
        {
            base.Write(value);
            if (ToString().Contains(text, StringComparison.Ordinal))
            {
                work.TrySetResult();
            }
        }
    }
}
