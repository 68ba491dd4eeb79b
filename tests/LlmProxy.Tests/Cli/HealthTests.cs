using System.Net;
using System.Net.Sockets;
using LlmProxy.Cli;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Xunit;

namespace LlmProxy.Tests.Cli;

/// <summary><c>llm-proxy health</c>, which a container's engine runs every few seconds.</summary>
public sealed class HealthTests : IAsyncLifetime
{
    private readonly Shell _shell = new();
    private readonly List<string> _asked = [];
    private WebApplication _server = null!;
    private string _address = null!;
    private (int Status, string Body) _answer = (200, """{"status":"ok"}""");

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _server = builder.Build();
        _server.Run(async http =>
        {
            _asked.Add($"{http.Request.Method} {http.Request.Path} {http.Request.Headers.Authorization}".TrimEnd());
            http.Response.StatusCode = _answer.Status;
            await http.Response.WriteAsync(_answer.Body);
        });
        await _server.StartAsync(TestContext.Current.CancellationToken);
        _address = _server.Urls.First();
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _shell.Dispose();
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("/health")]
    public async Task A_server_that_is_well_is_exit_code_0(string ending)
    {
        var health = await _shell.RunAsync("health", "--url", _address + ending);

        Assert.Equal(new Outcome(ExitCode.Ok, $"{_address} is well.\n", string.Empty), health);
        Assert.Equal("GET /health", Assert.Single(_asked));
    }

    [Theory]
    [InlineData(":{0}")]
    [InlineData("*:{0}")]
    [InlineData("0.0.0.0:{0}")]
    [InlineData("[::]:{0}")]
    [InlineData("127.0.0.1:{0}")]
    [InlineData("localhost:{0}")]
    public async Task Without_an_address_it_asks_where_a_server_with_its_settings_listens(string listen)
    {
        _shell.Variables["LISTEN_ADDR"] = string.Format(null, listen, new Uri(_address).Port);

        var health = await _shell.RunAsync("health");

        Assert.Equal($"{_address} is well.\n", health.Succeeded());
    }

    [Fact]
    public async Task It_reads_the_settings_file_that_the_server_reads()
    {
        await _shell.WriteAsync("settings", $"LISTEN_ADDR=127.0.0.1:{new Uri(_address).Port}\n");
        await _shell.WriteAsync(".env", "LISTEN_ADDR=127.0.0.1:1\n");
        _shell.Variables["ENV"] = "settings";

        var health = await _shell.RunAsync("health");

        Assert.Equal($"{_address} is well.\n", health.Succeeded());
    }

    [Fact]
    public async Task A_settings_file_that_is_not_there_is_told()
    {
        _shell.Variables["ENV"] = "nowhere";

        var health = await _shell.RunAsync("health");

        Assert.Equal(ExitCode.Usage, health.ExitCode);
        Assert.StartsWith("LISTEN_ADDR is not set, and ", health.Errors, StringComparison.Ordinal);
        Assert.Contains("nowhere", health.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(":0", "LISTEN_ADDR lets the system choose the port: say with --url where to ask.\n")]
    [InlineData("8080", "LISTEN_ADDR must be host:port or :port, such as 127.0.0.1:8080, not '8080'.\n")]
    public async Task An_address_that_tells_no_port_is_a_mistake(string listen, string sentence)
    {
        _shell.Variables["LISTEN_ADDR"] = listen;

        var health = await _shell.RunAsync("health");

        Assert.Equal(new Outcome(ExitCode.Usage, string.Empty, sentence), health);
    }

    [Theory]
    [InlineData(503, """{"status":"sink_failing","last_fault":"timeout"}""", ExitCode.Network, "sink_failing: timeout")]
    [InlineData(503, """{"status":"bus_away"}""", ExitCode.Network, "bus_away")]
    [InlineData(500, "", ExitCode.Network, "The server answered Internal Server Error.")]
    [InlineData(401, "", ExitCode.Authentication, "The server answered Unauthorized.")]
    [InlineData(404, "", ExitCode.Refused, "The server answered Not Found.")]
    [InlineData(302, "", ExitCode.Refused, "The server answered Found.")]
    public async Task Any_other_answer_is_told_with_its_status(int status, string body, int exitCode, string sentence)
    {
        _answer = (status, body);

        var health = await _shell.RunAsync("health", "--url", _address);

        Assert.Equal(new Outcome(exitCode, string.Empty, $"{sentence} [HTTP {status}]\n"), health);
    }

    [Fact]
    public async Task A_success_that_is_not_200_is_none()
    {
        _answer = (204, string.Empty);

        var health = await _shell.RunAsync("health", "--url", _address);

        Assert.Equal(ExitCode.Refused, health.ExitCode);
        Assert.Equal($"{_address} answered 204 where 200 was expected.\n", health.Errors);
    }

    [Fact]
    public async Task Nobody_there_is_exit_code_2()
    {
        await _server.StopAsync(TestContext.Current.CancellationToken);

        var health = await _shell.RunAsync("health", "--url", _address);

        Assert.Equal(ExitCode.Network, health.ExitCode);
        Assert.StartsWith($"{_address} cannot be reached: ", health.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Somebody_who_accepts_and_says_nothing_is_waited_for_two_seconds()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();

        var health = await _shell.RunAsync("health", "--url", $"http://{silent.LocalEndpoint}");

        Assert.Equal(
            new Outcome(
                ExitCode.Network, string.Empty, $"http://{silent.LocalEndpoint} did not answer within 2 seconds.\n"),
            health);
    }
}
