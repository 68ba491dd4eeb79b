using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Events;

/// <summary>Every setting of events has an effect, and what it cannot be stops the start with its name.</summary>
public sealed class EventSettingTests
{
    private const string ClientIp = "OBSERVABILITY_CLIENT_IP";

    [Theory]
    [InlineData("none", "198.51.100.77", null)]
    [InlineData("network", "198.51.100.77", "198.51.100.0/24")]
    [InlineData("full", "198.51.100.77", "198.51.100.77")]
    [InlineData("network", "2001:db8:1:2:3::4", "2001:db8:1::/48")]
    [InlineData("full", "2001:db8:1:2:3::4", "2001:db8:1:2:3::4")]
    public async Task OBSERVABILITY_CLIENT_IP_is_how_exactly_an_event_names_the_client(
        string policy, string client, string? named)
    {
        await using var rig = await EventRig.StartAsync((ClientIp, policy), ("TRUSTED_PROXIES", "127.0.0.1"));
        var token = await rig.TokenAsync();

        var (_, logged) = await rig.ExchangeAsync(
            "GET", "/v1/models", token.Secret, string.Empty, $"X-Forwarded-For: {client}");

        Assert.Equal(named, logged.Text("client_ip"));
        Assert.Equal(named == client, logged.Json.GetRawText().Contains(client, StringComparison.Ordinal));
    }

    [Fact]
    public async Task OBSERVABILITY_HEADERS_adds_fields_of_both_messages()
    {
        await using var rig = await EventRig.StartAsync(("OBSERVABILITY_HEADERS", "X-Team, x-answer"));
        var token = await rig.TokenAsync();
        var route = rig.DoesAt("any", static exchange => exchange.AnswerAsync(
            200, "{}"u8.ToArray(), "X-Answer: yes", "X-Secret: hidden", "openai-version: 1"));

        var (_, logged) = await rig.ExchangeAsync(
            "POST", $"/raw{route.Path}", token.Secret, "{}", "x-team: blue", "x-team: green", "X-Other: no",
            "User-Agent: client/1");

        Assert.Equal(("blue,green", "client/1"), (
            logged.Header("request", "x-team"), logged.Header("request", "user-agent")));
        Assert.Equal(("yes", "1"), (
            logged.Header("response", "x-answer"), logged.Header("response", "openai-version")));
        Assert.Null(logged.Header("request", "x-other") ?? logged.Header("response", "x-secret"));
    }

    [Fact]
    public async Task OBSERVABILITY_ENABLED_false_records_nothing()
    {
        await using var rig = await EventRig.StartAsync(("OBSERVABILITY_ENABLED", "false"));
        var token = await rig.TokenAsync();

        var answer = await rig.SendAsync(EventRig.NewId(), "GET", "/v1/models", token.Secret, string.Empty);
        var ended = await rig.Proxy.StopAsync();

        Assert.Equal((200, 0), (answer?.Status, ended.ExitCode));
        Assert.Empty(rig.Log.Read());
    }

    [Fact]
    public async Task OBSERVABILITY_BUFFER_SIZE_is_how_many_may_wait_and_no_request_waits_for_more()
    {
        const int Requests = 2_000;
        await using var rig = await EventRig.StartAsync(("OBSERVABILITY_BUFFER_SIZE", "16"));
        await using var client = await RawClient.ConnectAsync(rig.Proxy.Address);
        var requests = Enumerable.Range(0, Requests).Select(
            _ => rig.Head(EventRig.NewId(), "GET", "/v1/any", "nobodys-token", string.Empty));

        var sending = client.SendAsync(string.Concat(requests));
        for (var i = 0; i < Requests; i++)
        {
            Assert.Equal(401, (await client.ReadAnswerAsync())?.Status);
        }

        await sending;
        await rig.Proxy.StopAsync();

        Assert.InRange(rig.Log.Count, 16, Requests - 1);
    }

    [Theory]
    [InlineData("1048576", 1)]
    [InlineData("4194304", 2)]
    public async Task OBSERVABILITY_BUFFER_BYTES_is_how_long_they_may_be_that_wait(string bytes, int events)
    {
        await using var rig = await EventRig.StartAsync(
            ("OBSERVABILITY_BUFFER_BYTES", bytes), ("OBSERVABILITY_CAPTURE_BODIES", "all"),
            ("OBSERVABILITY_MAX_RESPONSE_BODY_BYTES", "2097152"));
        var token = await rig.TokenAsync();
        var long_ = new byte[2_000_000];
        Array.Fill(long_, (byte)'a');
        var route = rig.DoesAt("long", exchange => exchange.AnswerAsync(200, long_, "Content-Type: text/plain"));

        await rig.SendAsync(EventRig.NewId(), "POST", $"/raw{route.Path}", token.Secret, "{}");
        await rig.ExchangeAsync("GET", "/v1/models", token.Secret, string.Empty);
        await rig.Proxy.StopAsync();

        Assert.Equal(events, rig.Log.Read().Count(logged => logged.TokenId == token.Id));
    }

    [Fact]
    public async Task FILE_EVENT_LOG_is_where_events_go_and_nobody_else_may_read_them()
    {
        using var folder = new TempFolder();
        await using var upstream = new RawUpstream();
        var file = folder.File("deep/down/my-events.jsonl");
        await using var proxy = await ProxyProcess.StartAsync(folder, new ProxySetup
        {
            ProviderYaml = ProviderYaml.For(upstream.Address),
            Settings = [("FILE_EVENT_LOG", file)],
        });

        await proxy.GetAsync("/v1/any", "nobodys-token", "X-Request-ID: mine");

        Assert.Equal(401, (await new EventLog(file).OfAsync("mine")).Status);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
    }

    [Fact]
    public async Task FILE_EVENT_LOG_MAX_BYTES_and_KEEP_are_how_long_a_file_is_and_how_many_stay()
    {
        await using var rig = await EventRig.StartAsync(
            ("FILE_EVENT_LOG_MAX_BYTES", "65536"), ("FILE_EVENT_LOG_KEEP", "2"));
        for (var i = 0; i < 8; i++)
        {
            await Crowd(rig, 64);
        }

        await rig.Proxy.StopAsync();

        var files = Directory.EnumerateFiles(rig.Folder, "events.jsonl*").Select(Path.GetFileName)
            .Where(static name => !name!.EndsWith(".lock", StringComparison.Ordinal)).Order(StringComparer.Ordinal);
        Assert.Equal(["events.jsonl", "events.jsonl.1", "events.jsonl.2"], files, StringComparer.Ordinal);
        Assert.All(files, name =>
        {
            Assert.InRange(new FileInfo(Path.Combine(rig.Folder, name!)).Length, 1, 65_536);
            Assert.NotEmpty(new EventLog(Path.Combine(rig.Folder, name!)).Read());
        });

        static Task Crowd(EventRig rig, int count) => Task.WhenAll(Enumerable.Range(0, count).Select(
            _ => rig.SendAsync(EventRig.NewId(), "GET", "/v1/any", "nobodys-token", string.Empty)));
    }

    [Theory]
    [InlineData("OBSERVABILITY_ENABLED", "maybe")]
    [InlineData("OBSERVABILITY_BUFFER_SIZE", "15")]
    [InlineData("OBSERVABILITY_BUFFER_SIZE", "many")]
    [InlineData("OBSERVABILITY_BUFFER_BYTES", "1")]
    [InlineData("OBSERVABILITY_CAPTURE_BODIES", "some")]
    [InlineData("OBSERVABILITY_MAX_REQUEST_BODY_BYTES", "-1")]
    [InlineData("OBSERVABILITY_MAX_RESPONSE_BODY_BYTES", "16777217")]
    [InlineData("OBSERVABILITY_CLIENT_IP", "half")]
    [InlineData("OBSERVABILITY_HEADERS", "x-team, Authorization")]
    [InlineData("OBSERVABILITY_HEADERS", "x-api-key")]
    [InlineData("OBSERVABILITY_HEADERS", "Cookie")]
    [InlineData("OBSERVABILITY_HEADERS", "no name")]
    [InlineData("OBSERVABILITY_HEADER", "x-team")]
    [InlineData("LLM_PROXY_EVENT_BUS", "kafka")]
    [InlineData("LLM_PROXY_EVENT_BUSS", "redis")]
    [InlineData("FILE_EVENT_LOG", "/proc/no/such/file")]
    [InlineData("FILE_EVENT_LOG", ".")]
    [InlineData("FILE_EVENT_LOG_MAX_BYTES", "100")]
    [InlineData("FILE_EVENT_LOG_KEEP", "0")]
    [InlineData("EVENT_SPOOL_MAX_BYTES", "1000")]
    [InlineData("REDIS_URL", "ftp://127.0.0.1")]
    [InlineData("REDIS_ADDR", "no address")]
    [InlineData("REDIS_DB", "-1")]
    [InlineData("REDIS_TLS", "perhaps")]
    [InlineData("REDIS_STREAM_MAX_LEN", "some")]
    [InlineData("REDIS_STREAM_MAXLEN", "5")]
    public async Task What_a_setting_cannot_be_stops_the_server_with_its_name(string name, string value)
    {
        using var folder = new TempFolder();
        var environment = await ProxyProcess.EnvironmentAsync(folder, new ProxySetup
        {
            Upstream = RawUpstream.Nowhere(),
            Settings = [(name, value)],
        });

        var ended = await Executable.RunAsync(folder.Path, environment, string.Empty, "server");

        Assert.Equal(1, ended.ExitCode);
        Assert.Contains(name, ended.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("listening on", ended.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_spool_that_cannot_be_written_stops_a_server_that_needs_it()
    {
        using var folder = new TempFolder();
        var environment = await ProxyProcess.EnvironmentAsync(folder, new ProxySetup
        {
            Upstream = RawUpstream.Nowhere(),
            Settings = [("EVENT_SPOOL_FILE", "/proc/no/such/file"), ("LLM_PROXY_EVENT_BUS", "redis")],
        });

        var ended = await Executable.RunAsync(folder.Path, environment, string.Empty, "server");

        Assert.Equal(1, ended.ExitCode);
        Assert.Contains("EVENT_SPOOL_FILE", ended.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("DISPATCHER_SERVICE", "pigeon")]
    [InlineData("DISPATCHER_BUFFER", "0")]
    [InlineData("DISPATCHER_BATCH_SIZE", "10001")]
    [InlineData("DISPATCHER_RETENTION", "1s")]
    [InlineData("DISPATCHER_ADDR", "nowhere at all")]
    [InlineData("DISPATCHER_ADRR", "127.0.0.1:0")]
    [InlineData("REDIS_STREAM_BLOCK_TIME", "2m")]
    [InlineData("REDIS_STREAM_CLAIM_TIME", "1ms")]
    [InlineData("REDIS_DEAD_LETTER_MAX_LEN", "0")]
    [InlineData("REDIS_CONSUMER_GROUPS", "mine")]
    [InlineData("REDIS_DB", "4711")]
    [InlineData("FILE_EVENT_LOG_KEEP", "none")]
    public async Task What_a_setting_cannot_be_stops_the_dispatcher_with_its_name(string name, string value)
    {
        using var folder = new TempFolder();

        var ended = await Executable.RunAsync(
            folder.Path, [(name, value)], string.Empty, "dispatcher", "--endpoint", folder.File("events.jsonl"));

        Assert.Equal(1, ended.ExitCode);
        Assert.Contains(name, ended.Errors, StringComparison.Ordinal);
        Assert.False(File.Exists(folder.File("events.jsonl")));
    }

    [Theory]
    [InlineData("REDIS_ADDR", "127.0.0.1:6379")]
    [InlineData("REDIS_PASSWORD", "canary-password")]
    [InlineData("REDIS_DB", "3")]
    public async Task Redis_is_named_once_and_its_password_never_shown(string name, string value)
    {
        using var folder = new TempFolder();

        var ended = await Executable.RunAsync(
            folder.Path, [("REDIS_URL", "redis://user:canary-password@127.0.0.1:1"), (name, value)], string.Empty,
            "dispatcher", "status");

        Assert.Equal(1, ended.ExitCode);
        Assert.Contains("REDIS_URL", ended.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("canary-password", ended.Errors, StringComparison.Ordinal);
    }
}
