using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.CommandLine;

/// <summary><c>llm-proxy health</c>: what the container image asks itself.</summary>
public sealed class HealthTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_running_server_is_well_and_one_that_has_stopped_is_not()
    {
        await using var proxy = await ProxyProcess.StartAsync(
            _folder, new ProxySetup { Upstream = RawUpstream.Nowhere() });
        (string Name, string Value)[] settings = [("LISTEN_ADDR", proxy.Address.Authority)];

        var running = await HealthAsync(settings);
        await proxy.StopAsync();
        var stopped = await HealthAsync(settings);

        Assert.Equal(0, running.ExitCode);
        Assert.Equal($"http://{proxy.Address.Authority} is well.\n", running.Output);
        Assert.Equal(2, stopped.ExitCode);
        Assert.Contains("cannot be reached", stopped.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_hangs_is_given_up_before_a_supervisor_would()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        var started = Stopwatch.GetTimestamp();

        var health = await HealthAsync([], "--url", $"http://{silent.LocalEndpoint}/health");

        Assert.Equal(2, health.ExitCode);
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(5));
    }

    private Task<CommandResult> HealthAsync(
        IEnumerable<(string Name, string Value)> settings, params IEnumerable<string> arguments) =>
        Executable.RunAsync(_folder.Path, settings, string.Empty, ["health", .. arguments]);
}
