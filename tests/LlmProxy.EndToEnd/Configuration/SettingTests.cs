using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Configuration;

/// <summary>Every setting of the server has an effect, and this is it.</summary>
public sealed class SettingTests : IAsyncLifetime
{
    private const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    private readonly TempFolder _folder = new();
    private readonly RawUpstream _upstream = new();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _upstream.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task LISTEN_ADDR_in_gos_form_listens_on_every_interface()
    {
        var port = FreePort();
        await using var proxy = await StartAsync(("LISTEN_ADDR", $":{port}"));

        Assert.Equal(port, proxy.Address.Port);
        Assert.Equal(200, await HealthAsync(new Uri($"http://127.0.0.1:{port}")));
        Assert.Equal(200, await HealthAsync(new Uri($"http://127.0.0.2:{port}")));
    }

    [Fact]
    public async Task MANAGEMENT_TOKEN_opens_the_management_and_nothing_else_does()
    {
        await using var proxy = await StartAsync(("MANAGEMENT_TOKEN", "another-secret-0123456789"));
        using var right = new ManagementClient(proxy.Address, "another-secret-0123456789");

        Assert.Equal(401, (await proxy.Management.SendAsync("GET", "/manage/projects")).Status);
        Assert.Equal(200, (await right.SendAsync("GET", "/manage/projects")).Status);
    }

    [Fact]
    public async Task DATABASE_PATH_is_where_everything_is_kept()
    {
        var database = _folder.File("deep/down/my.db");
        await using var proxy = await StartAsync(("DATABASE_PATH", database));
        await proxy.Management.CreateProjectAsync();

        Assert.True(File.Exists(database));
    }

    [Fact]
    public async Task ENCRYPTION_KEY_takes_the_place_of_the_key_file()
    {
        await using (var proxy = await StartAsync(("ENCRYPTION_KEY", NewKey())))
        {
            await proxy.Management.CreateProjectAsync();
        }

        Assert.All(Directory.EnumerateFiles(_folder.Path).Select(Path.GetFileName), static file =>
            Assert.Matches(@"^(llm-proxy\.db(-wal|-shm)?|providers\.yaml)$", file));
    }

    [Fact]
    public async Task Without_it_a_key_is_made_beside_the_database_for_its_owner_alone()
    {
        await using var proxy = await StartAsync();

        var file = _folder.File("llm-proxy.db.key");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        Assert.Contains(file, proxy.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ENCRYPTION_KEY_PREVIOUS_lets_a_new_key_take_over()
    {
        var (old, present) = (NewKey(), NewKey());
        IssuedToken token;
        await using (var before = await StartAsync(("ENCRYPTION_KEY", old)))
        {
            token = await before.Management.CreateTokenAsync();
            await before.StopAsync();
        }

        await using (var during = await StartAsync(("ENCRYPTION_KEY", present), ("ENCRYPTION_KEY_PREVIOUS", old)))
        {
            await during.StopAsync();
        }

        var route = _upstream.Answers(Ok);
        await using var after = await StartAsync(("ENCRYPTION_KEY", present));
        var answer = await after.GetAsync(route.Path, token.Secret);

        Assert.Equal(200, answer.Status);
        Assert.Equal("Bearer sk-provider-key-of-the-suite", route.Request.Head.Value("Authorization"));
    }

    [Fact]
    public async Task MAX_REQUEST_SIZE_is_the_largest_body()
    {
        await using var proxy = await StartAsync(("MAX_REQUEST_SIZE", "1024"));
        var token = await proxy.Management.CreateTokenAsync();
        var route = _upstream.Does(static async exchange =>
        {
            await exchange.ReadBodyAsync();
            await exchange.WriteAsync(Ok);
        });

        var fits = await proxy.PostAsync(route.Path, token.Secret, new string('a', 1024));
        var declared = await proxy.PostAsync(route.Path, token.Secret, new string('a', 1025));
        var chunked = await proxy.AskAsync(
            proxy.Head("POST", route.Path, token.Secret, "Transfer-Encoding: chunked")
            + $"401\r\n{new string('a', 1025)}\r\n0\r\n\r\n");

        Assert.Equal(200, fits.Status);
        Assert.Equal(413, declared.Status);
        Assert.Equal(413, chunked?.Status);
    }

    [Fact]
    public async Task MAX_CONCURRENT_REQUESTS_is_how_many_are_served_at_once()
    {
        await using var proxy = await StartAsync(("MAX_CONCURRENT_REQUESTS", "2"));
        var token = await proxy.Management.CreateTokenAsync();
        using var release = new SemaphoreSlim(0);
        var route = _upstream.Does(async exchange =>
        {
            await release.WaitAsync(Eventually.Patience);
            await exchange.WriteAsync(Ok);
        });

        var first = proxy.PostAsync(route.Path, token.Secret, string.Empty);
        var second = proxy.PostAsync(route.Path, token.Secret, string.Empty);
        await Eventually.HoldsAsync(() => route.Requests.Count == 2, "two requests were being served");
        var third = await proxy.PostAsync(route.Path, token.Secret, string.Empty);
        release.Release(2);

        Assert.Equal(503, third.Status);
        Assert.NotNull(third.Head.Value("Retry-After"));
        Assert.Equal(200, (await first).Status);
        Assert.Equal(200, (await second).Status);
        release.Release();
        Assert.Equal(200, (await proxy.PostAsync(route.Path, token.Secret, string.Empty)).Status);
    }

    [Fact]
    public async Task MAX_CONNECTIONS_is_how_many_clients_are_connected_at_once()
    {
        await using var proxy = await StartAsync(("MAX_CONNECTIONS", "3"));
        var held = new List<RawClient>();
        for (var i = 0; i < 3; i++)
        {
            var client = await RawClient.ConnectAsync(proxy.Address);
            await client.SendAsync("GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
            Assert.Equal(200, (await client.ReadAnswerAsync())?.Status);
            held.Add(client);
        }

        await using var surplus = await RawClient.ConnectAsync(proxy.Address);
        await surplus.TrySendAsync("GET /health HTTP/1.1\r\nHost: a\r\n\r\n");

        Assert.Null(await surplus.ReadAnswerAsync());
        foreach (var client in held)
        {
            await client.DisposeAsync();
        }
    }

    [Theory]
    [InlineData("true", ".NET Sockets")]
    [InlineData("false", ".NET TP Worker")]
    public async Task INLINE_SCHEDULING_decides_which_threads_do_the_work(string value, string busiest)
    {
        await using var proxy = await StartAsync(("INLINE_SCHEDULING", value));
        var token = await proxy.Management.CreateTokenAsync();
        var route = _upstream.Answers(Ok);

        // One connection: accepting new ones is the pool's work either way.
        using var client = new HttpClient(new SocketsHttpHandler()) { BaseAddress = proxy.Address };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token.Secret);
        await client.GetStringAsync(route.Path, TestContext.Current.CancellationToken);
        var before = ProcessorTimes(proxy.Process.Id);
        for (var i = 0; i < 500; i++)
        {
            await client.GetStringAsync(route.Path, TestContext.Current.CancellationToken);
        }

        var after = ProcessorTimes(proxy.Process.Id);
        Assert.Equal(busiest, after.MaxBy(one => one.Value - before.GetValueOrDefault(one.Key)).Key);
    }

    /// <summary>Nanoseconds on a processor, for threads of each name (<c>/proc/PID/task/TID/schedstat</c>).</summary>
#pragma warning disable MA0045 // The kernel answers these reads from memory.
    private static Dictionary<string, long> ProcessorTimes(int process) =>
        Directory.EnumerateDirectories($"/proc/{process}/task")
            .Select(static task => (
                Name: File.ReadAllText(Path.Combine(task, "comm")).Trim(),
                Time: File.ReadAllText(Path.Combine(task, "schedstat")).Split(' ')[0]))
            .GroupBy(static thread => thread.Name, StringComparer.Ordinal)
            .ToDictionary(
                static group => group.Key,
                static group => group.Sum(static thread => long.Parse(thread.Time, CultureInfo.InvariantCulture)),
                StringComparer.Ordinal);
#pragma warning restore MA0045

    [Fact]
    public async Task REQUEST_TIMEOUT_bounds_the_wait_for_the_upstreams_headers()
    {
        await using var proxy = await StartAsync(("REQUEST_TIMEOUT", "300ms"));
        var token = await proxy.Management.CreateTokenAsync();
        var route = _upstream.Does(static exchange => exchange.WaitUntilGoneAsync());

        var answer = await proxy.PostAsync(route.Path, token.Secret, string.Empty);

        Assert.Equal(504, answer.Status);
    }

    [Fact]
    public async Task OPENAI_API_URL_is_where_the_default_provider_is()
    {
        await using var proxy = await ProxyProcess.StartAsync(_folder, new ProxySetup { Upstream = _upstream.Address });
        var token = await proxy.Management.CreateTokenAsync();
        _upstream.DoesAt("/v1/models", static exchange => exchange.WriteAsync(Ok));

        Assert.Equal(200, (await proxy.PostAsync("/v1/models", token.Secret, string.Empty)).Status);
    }

    [Fact]
    public async Task DEFAULT_API_PROVIDER_chooses_who_serves_v1()
    {
        var address = _upstream.Address.GetLeftPart(UriPartial.Authority);
        var route = _upstream.DoesAt("/second/v1/x", static exchange => exchange.WriteAsync(Ok));
        await using var proxy = await ProxyProcess.StartAsync(_folder, new ProxySetup
        {
            ProviderYaml = ProviderYaml.For(_upstream.Address) + $"  second:\n    base_url: {address}/second\n"
                + "    allowed_endpoints: [/v1/*]\n    allowed_methods: [POST]\n",
            Settings = [("DEFAULT_API_PROVIDER", "second")],
        });
        var token = await proxy.Management.CreateTokenAsync();

        Assert.Equal(200, (await proxy.PostAsync("/v1/x", token.Secret, string.Empty)).Status);
        Assert.Single(route.Requests);
    }

    [Fact]
    public async Task ALLOW_HTTP_UPSTREAM_is_needed_for_plain_http_to_another_machine()
    {
        var yaml = ProviderYaml.For(new Uri("http://192.0.2.1"));
        var environment = await ProxyProcess.EnvironmentAsync(_folder, new ProxySetup { ProviderYaml = yaml });
        await using var refused = Executable.Start(_folder.Path, environment, "server");
        await using var allowed = await ProxyProcess.StartAsync(
            _folder, new ProxySetup { ProviderYaml = yaml, Settings = [("ALLOW_HTTP_UPSTREAM", "true")] });

        Assert.Equal(1, (await refused.EndAsync()).ExitCode);
        Assert.Equal(200, await HealthAsync(allowed.Address));
    }

    [Theory]
    [InlineData("", "127.0.0.1")]
    [InlineData("127.0.0.1", "198.51.100.7")]
    public async Task TRUSTED_PROXIES_are_believed_about_who_the_client_is(string trusted, string client)
    {
        _upstream.Does(static exchange => exchange.WriteAsync(Ok));
        await using var proxy = await StartAsync(("TRUSTED_PROXIES", trusted));
        var token = await proxy.Management.CreateTokenAsync();

        var answer = await proxy.GetAsync("/v1/x", token.Secret, "X-Forwarded-For: 203.0.113.1, 198.51.100.7");

        Assert.Equal(200, answer.Status);
        await Eventually.HoldsAsync(
            () => proxy.Log.Contains($"\"client_ip\":\"{client}\"", StringComparison.Ordinal), "it was logged");
    }

    [Fact]
    public async Task Logins_are_counted_by_the_client_that_TRUSTED_PROXIES_name()
    {
        await using var proxy = await StartAsync(("TRUSTED_PROXIES", "127.0.0.1"));
        for (var i = 0; i < 10; i++)
        {
            var wrong = await proxy.GetAsync("/manage/projects", "a-wrong-secret", "X-Forwarded-For: 198.51.100.7");
            Assert.Equal(401, wrong.Status);
        }

        var throttled = await proxy.GetAsync(
            "/manage/projects", ProxyProcess.ManagementToken, "X-Forwarded-For: 198.51.100.7");
        var other = await proxy.GetAsync(
            "/manage/projects", ProxyProcess.ManagementToken, "X-Forwarded-For: 198.51.100.8");

        Assert.Equal((429, 200), (throttled.Status, other.Status));
    }

    [Theory]
    [InlineData("error", 0)]
    [InlineData("info", 1)]
    public async Task LOG_LEVEL_is_how_much_is_said(string level, int exchanges)
    {
        var log = _folder.File("own.log");
        var port = FreePort();
        var environment = await ProxyProcess.EnvironmentAsync(_folder, new ProxySetup
        {
            ProviderYaml = ProviderYaml.For(_upstream.Address),
            Settings = [("LOG_LEVEL", level), ("LOG_FILE", log), ("LISTEN_ADDR", $"127.0.0.1:{port}")],
        });
        await using var quiet = Executable.Start(_folder.Path, environment, "server");
        var address = new Uri($"http://127.0.0.1:{port}");
        await Eventually.AnswersAsync(() => HealthAsync(address), static status => status == 200, "it answered");
        await using var client = await RawClient.ConnectAsync(address);
        await client.SendAsync("GET /v1/x HTTP/1.1\r\nHost: a\r\n\r\n");
        await client.ReadAnswerAsync();
        await quiet.TerminateAsync();
        await quiet.EndAsync();

        var lines = await File.ReadAllLinesAsync(log, TestContext.Current.CancellationToken);
        Assert.Equal(exchanges, lines.Count(static line => line.Contains("\"/v1/x\"", StringComparison.Ordinal)));
        Assert.All(lines, static line => Assert.NotNull(JsonNode.Parse(line)!.AsObject()));
    }

    [Fact]
    public async Task LOG_FILE_takes_what_would_go_to_standard_error()
    {
        var log = _folder.File("own.log");
        await using var proxy = await StartAsync(("LOG_FILE", log));

        var ended = await proxy.StopAsync();
        var logged = await File.ReadAllTextAsync(log, TestContext.Current.CancellationToken);

        Assert.DoesNotContain("listening on", ended.Errors, StringComparison.Ordinal);
        Assert.Contains("listening on", logged, StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(log));
    }

    [Fact]
    public async Task ENV_names_the_settings_file_and_flags_win_over_the_environment_which_wins_over_it()
    {
        var (byFlag, byEnvironment, byFile) = (FreePort(), FreePort(), FreePort());
        var file = await _folder.WriteAsync("my.env", $"LISTEN_ADDR=127.0.0.1:{byFile}\nMAX_REQUEST_SIZE=2048\n");
        var setup = new ProxySetup { ProviderYaml = ProviderYaml.For(_upstream.Address) };

        await using var flagged = await ProxyProcess.StartAsync(_folder, setup with
        {
            Settings = [("ENV", file), ("LISTEN_ADDR", $"127.0.0.1:{byEnvironment}")],
            Flags = ["--addr", $"127.0.0.1:{byFlag}"],
        });
        await using var unflagged = await ProxyProcess.StartAsync(_folder, setup with
        {
            Settings = [("LISTEN_ADDR", $"127.0.0.1:{byEnvironment}")],
            Flags = ["--env", file],
        });
        await using var filed = await ProxyProcess.StartAsync(_folder, setup with
        {
            Settings = [("ENV", file), ("LISTEN_ADDR", "")],
        });

        Assert.Equal(byFlag, flagged.Address.Port);
        Assert.Equal(byEnvironment, unflagged.Address.Port);
        Assert.Equal(byFile, filed.Address.Port);
    }

    [Fact]
    public async Task Flags_of_the_server_stand_for_its_settings()
    {
        var yaml = await _folder.WriteAsync("flag.yaml", ProviderYaml.For(_upstream.Address));
        var (database, log) = (_folder.File("flag.db"), _folder.File("flag.log"));
        await using var process = Executable.Start(
            _folder.Path, [("MANAGEMENT_TOKEN", ProxyProcess.ManagementToken), ("OPENAI_API_URL", "")],
            "--addr", "127.0.0.1:0", "--db", database, "-c", yaml, "--log-level", "debug", "--log-file", log);

        await process.ListeningAsync(() => File.Exists(log)
            ? File.ReadAllTextAsync(log, TestContext.Current.CancellationToken)
            : Task.FromResult(string.Empty));
        await process.TerminateAsync();
        var ended = await process.EndAsync();

        Assert.Equal(0, ended.ExitCode);
        Assert.True(File.Exists(database));
    }

    private async Task<ProxyProcess> StartAsync(params (string Name, string Value)[] settings) =>
        await ProxyProcess.StartAsync(
            _folder, new ProxySetup { ProviderYaml = ProviderYaml.For(_upstream.Address), Settings = settings });

    /// <summary>0 when nobody answers.</summary>
    private static async Task<int> HealthAsync(Uri address)
    {
        try
        {
            await using var client = await RawClient.ConnectAsync(address);
            await client.SendAsync("GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
            return (await client.ReadAnswerAsync())?.Status ?? 0;
        }
        catch (SocketException)
        {
            return 0;
        }
    }

    private static string NewKey() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    private static int FreePort() => RawUpstream.Nowhere().Port;
}
