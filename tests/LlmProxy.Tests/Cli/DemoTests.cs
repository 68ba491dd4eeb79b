using LlmProxy.Cli;
using LlmProxy.Settings;
using Xunit;

namespace LlmProxy.Tests.Cli;

/// <summary><c>demo</c> and <c>simulator</c>: what they start, print and leave behind.</summary>
public sealed class DemoTests : IDisposable
{
    private readonly Shell _shell = new();
    private readonly CancellationTokenSource _stop = new();

    public DemoTests() => _shell.StartSimulator = static () => Task.FromResult(Running("http://127.0.0.1:8090"));

    public void Dispose()
    {
        _shell.Dispose();
        _stop.Dispose();
    }

    [Fact]
    public async Task The_simulator_says_where_it_is_and_runs_until_it_is_stopped()
    {
        var running = _shell.RunAsync(_stop.Token, "simulator");
        await _stop.CancelAsync();

        var ended = await running;

        Assert.Equal("The simulator listens on http://127.0.0.1:8090\n", ended.Succeeded());
        Assert.Equal(["127.0.0.1:8090"], _shell.SimulatorAddresses);
    }

    [Theory]
    [InlineData("127.0.0.1:9000", false)]
    [InlineData("localhost:9000", false)]
    [InlineData(":9000", true)]
    [InlineData("0.0.0.0:9000", true)]
    public async Task The_simulator_warns_when_others_can_reach_it(string address, bool warns)
    {
        await _stop.CancelAsync();

        var ended = await _shell.RunAsync(_stop.Token, "simulator", "--addr", address);

        Assert.Equal([address], _shell.SimulatorAddresses);
        Assert.Equal(warns, ended.Errors.Contains("other machines", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("simulator")]
    [InlineData("demo")]
    public async Task An_address_that_is_none_is_exit_code_1(string command)
    {
        var refused = await _shell.RunAsync(command, "--addr", "nowhere");

        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.StartsWith("--addr must be ", refused.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_demo_starts_a_server_that_knows_the_simulator_and_nothing_of_the_folder()
    {
        await _shell.WriteAsync(".env", "DATABASE_PATH=mine.db\n");
        _shell.StartServer = static () => throw new StartFailure("DATABASE_PATH is a folder.");

        var failed = await _shell.RunAsync(_stop.Token, "demo", "--addr", "127.0.0.1:9000");

        Assert.Equal((ExitCode.Usage, "DATABASE_PATH is a folder.\n"), (failed.ExitCode, failed.Errors));
        var flags = Assert.Single(_shell.ServerFlags);
        Assert.Equal(("127.0.0.1:9000", "http://127.0.0.1:8090"), (flags["LISTEN_ADDR"], flags["OPENAI_API_URL"]));
        Assert.NotEqual(_shell.PathOf(".env"), flags["ENV"], StringComparer.Ordinal);
        Assert.False(Directory.Exists(Path.GetDirectoryName(flags["DATABASE_PATH"])));
    }

    [Fact]
    public async Task A_port_that_is_taken_is_replaced_unless_it_was_asked_for()
    {
        _shell.StartServer = static () => throw new StartFailure("LISTEN_ADDR: address already in use");

        var unasked = await _shell.RunAsync(_stop.Token, "demo");
        var asked = await _shell.RunAsync(_stop.Token, "demo", "--addr", "127.0.0.1:9000");

        Assert.Equal(
            ["127.0.0.1:8080", "127.0.0.1:0", "127.0.0.1:9000"],
            _shell.ServerFlags.Select(static flags => flags["LISTEN_ADDR"]), StringComparer.Ordinal);
        Assert.StartsWith("127.0.0.1:8080 is taken; ", unasked.Errors, StringComparison.Ordinal);
        Assert.Equal("LISTEN_ADDR: address already in use\n", asked.Errors);
    }

    private static RunningProgram Running(string address) =>
        new(new Uri(address), new TaskCompletionSource().Task, new MemoryStream());
}
