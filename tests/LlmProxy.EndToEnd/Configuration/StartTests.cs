using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Configuration;

/// <summary>What is wrong with a start is said at once, in a line that names it, and nothing is half started.</summary>
public sealed class StartTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("MANAGEMENT_TOKEN", "")]
    [InlineData("MANAGEMENT_TOKEN", "short")]
    [InlineData("LISTEN_ADDR", "nowhere")]
    [InlineData("LISTEN_ADDR", "127.0.0.1:99999")]
    [InlineData("LISTEN_ADDR", "example.test:80")]
    [InlineData("LOG_LEVEL", "loud")]
    [InlineData("MAX_REQUEST_SIZE", "many")]
    [InlineData("MAX_CONCURRENT_REQUESTS", "-1")]
    [InlineData("TRUSTED_PROXIES", "10.0.0.0/8, localhost")]
    [InlineData("IP_RATE_LIMIT", "-1")]
    [InlineData("GLOBAL_RATE_LIMIT", "1000000001")]
    [InlineData("REQUEST_TIMEOUT", "soon")]
    [InlineData("REQUEST_TIMEOUT", "30")]
    [InlineData("ENCRYPTION_KEY", "not base64!")]
    [InlineData("ENCRYPTION_KEY", "dG9vIHNob3J0")]
    [InlineData("OPENAI_API_URL", "not a url")]
    [InlineData("OPENAI_API_URL", "ftp://api.openai.com")]
    public async Task A_setting_that_cannot_be_read_stops_the_start_with_its_name(string name, string value)
    {
        var ended = await StartAsync([(name, value)]);

        AssertRefused(ended, name);
    }

    [Theory]
    [InlineData("MANAGMENT_TOKEN", "MANAGEMENT_TOKEN")]
    [InlineData("DATABASE_PAHT", "DATABASE_PATH")]
    [InlineData("REQUEST_TIMEOUTS", "REQUEST_TIMEOUT")]
    public async Task A_misspelt_setting_stops_the_start_with_the_name_that_was_meant(string name, string meant)
    {
        var ended = await StartAsync([(name, "a-value-that-is-long-enough")]);

        AssertRefused(ended, name);
        Assert.Contains(meant, ended.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_setting_in_the_env_file_stops_the_start_with_its_name_and_line()
    {
        await _folder.WriteAsync(".env", "# a comment\nLOG_LEVEL=info\nNO_SUCH_SETTING=1\n");

        var ended = await StartAsync([]);

        AssertRefused(ended, "NO_SUCH_SETTING");
        Assert.Contains("3", ended.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task All_that_is_wrong_is_said_at_once()
    {
        var ended = await StartAsync(
            [("LOG_LEVEL", "loud"), ("REQUEST_TIMEOUT", "soon"), ("MAX_REQUEST_SIZE", "many")]);

        AssertRefused(ended, "LOG_LEVEL");
        AssertRefused(ended, "REQUEST_TIMEOUT");
        AssertRefused(ended, "MAX_REQUEST_SIZE");
    }

    [Fact]
    public async Task A_port_that_is_taken_stops_the_start()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var taken = listener.LocalEndpoint.ToString()!;

        AssertRefused(await StartAsync([("LISTEN_ADDR", taken)]), taken);
    }

    [Theory]
    [InlineData("apis:\n  openai:\n    base_url: http://127.0.0.1:9\n    allowed_endpoint: [/v1/*]\n", 4)]
    [InlineData("default_api: openai\napis: [\n", 3)]
    [InlineData("apis:\n  openai:\n    base_url: http://127.0.0.1:9\n    timeouts: { request: soon }\n", 4)]
    public async Task A_wrong_provider_file_stops_the_start_with_file_line_and_column(string yaml, int line)
    {
        var file = await _folder.WriteAsync("wrong.yaml", yaml);

        var ended = await StartAsync([("API_CONFIG_PATH", file)]);

        AssertRefused(ended, "wrong.yaml");
        Assert.Matches($@"wrong\.yaml:{line}:\d+", ended.Errors);
    }

    [Fact]
    public async Task A_provider_file_that_is_not_there_stops_the_start()
    {
        AssertRefused(await StartAsync([("API_CONFIG_PATH", _folder.File("missing.yaml"))]), "missing.yaml");
    }

    [Fact]
    public async Task A_database_that_is_none_stops_the_start()
    {
        var file = await _folder.WriteAsync("not-a-database.db", new string('x', 10_000));

        AssertRefused(await StartAsync([("DATABASE_PATH", file)]), "not-a-database.db");
    }

    [Fact]
    public async Task A_database_path_that_is_a_folder_stops_the_start()
    {
        AssertRefused(await StartAsync([("DATABASE_PATH", _folder.Path)]), _folder.Path);
    }

    [Fact]
    public async Task A_master_key_that_is_not_the_databases_stops_the_start()
    {
        var setup = new ProxySetup { Settings = [("ENCRYPTION_KEY", NewKey())] };
        await using (var proxy = await ProxyProcess.StartAsync(_folder, setup))
        {
            await proxy.Management.CreateTokenAsync();
            await proxy.StopAsync();
        }

        AssertRefused(await StartAsync([("ENCRYPTION_KEY", NewKey())]), "ENCRYPTION_KEY");
    }

    [Fact]
    public async Task An_unknown_flag_is_a_usage_error()
    {
        var ended = await Executable.RunAsync(_folder.Path, [], string.Empty, "server", "--no-such-flag");

        Assert.Equal(1, ended.ExitCode);
        Assert.Contains("--no-such-flag", ended.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_first_answer_comes_a_moment_after_the_start()
    {
        var started = Stopwatch.GetTimestamp();
        await using var proxy = await ProxyProcess.StartAsync(_folder, new ProxySetup());
        using var http = new HttpClient(new SocketsHttpHandler());

        using var answer = await http.GetAsync(
            new Uri(proxy.Address, "/health"), TestContext.Current.CancellationToken);

        Assert.True(answer.IsSuccessStatusCode);
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.FromSeconds(2));
    }

    private async Task<CommandResult> StartAsync(IReadOnlyList<(string Name, string Value)> settings)
    {
        var environment = await ProxyProcess.EnvironmentAsync(_folder, new ProxySetup { Settings = settings });
        await using var process = Executable.Start(_folder.Path, environment, "server");
        return await process.EndAsync(TimeSpan.FromSeconds(3));
    }

    private static void AssertRefused(CommandResult ended, string name)
    {
        Assert.Equal(1, ended.ExitCode);
        Assert.Contains(name, ended.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", ended.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", ended.Errors, StringComparison.Ordinal);
        Assert.Empty(ended.Output);
    }

    private static string NewKey() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
}
