using System.Globalization;
using System.Text;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Events;

/// <summary>
/// <c>--detach</c> does what it says: it goes on when all that started it is gone, and can be stopped.
/// </summary>
public sealed class DetachTests : IAsyncLifetime
{
    private const string Key = "canary-key-of-the-detached-0123456789";

    private BusRig _rig = null!;

    public async ValueTask InitializeAsync() => _rig = await BusRig.StartAsync();

    public async ValueTask DisposeAsync()
    {
        // Whatever became of the test, nothing of it stays.
        foreach (var file in Directory.EnumerateFiles(_rig.Folder.Path, "*.pid"))
        {
            await RunAsync("stop", "--pid-file", file);
        }

        await _rig.DisposeAsync();
    }

    [Fact]
    public async Task It_runs_on_in_a_session_of_its_own_and_ends_when_it_is_told_to()
    {
        var log = new EventLog(_rig.Folder.File("events.jsonl"));

        var started = await StartAsync("file", log.Path);
        var id = await NumberInAsync(PidFile("file"));
        var asked = await _rig.AskAsync(20);
        await log.WithAsync(asked.Count);
        var (parent, session, terminal) = await KinOfAsync(id);
        var open = OpenFilesOf(id);

        Assert.Equal(0, started.ExitCode);
        Assert.Contains(id.ToString(CultureInfo.InvariantCulture), started.Output, StringComparison.Ordinal);
        Assert.NotEqual(Environment.ProcessId, parent);
        Assert.Equal((id, 0), (session, terminal));
        Assert.Equal(["/dev/null", LogFile("file"), LogFile("file")], open);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(LogFile("file")));

        var stopped = await RunAsync("stop", "--service", "file");

        Assert.Equal(0, stopped.ExitCode);
        Assert.False(File.Exists(PidFile("file")));
        Assert.False(IsRunning(id));
        Assert.Contains("dispatching events to file", await ReadAsync(LogFile("file")), StringComparison.Ordinal);
        await _rig.LagEndsAsync("file", Eventually.Patience);
    }

    [Fact]
    public async Task A_second_one_is_refused_while_the_first_one_runs()
    {
        var events = _rig.Folder.File("events.jsonl");
        Assert.Equal(0, (await StartAsync("file", events)).ExitCode);
        var id = await NumberInAsync(PidFile("file"));

        var second = await StartAsync("file", events);

        Assert.Equal(1, second.ExitCode);
        Assert.Contains($"process {id}", second.Errors, StringComparison.Ordinal);
        Assert.Equal(id, await NumberInAsync(PidFile("file")));
        Assert.Equal(0, (await RunAsync("stop", "--service", "file")).ExitCode);
        Assert.Equal(0, (await StartAsync("file", events)).ExitCode);
    }

    [Fact]
    public async Task An_old_file_with_somebody_elses_number_hinders_nothing()
    {
        await File.WriteAllTextAsync(PidFile("file"), "1\n", TestContext.Current.CancellationToken);
        var stopped = await RunAsync("stop", "--service", "file");
        await File.WriteAllTextAsync(
            PidFile("file"), $"{Environment.ProcessId}\n", TestContext.Current.CancellationToken);

        var started = await StartAsync("file", _rig.Folder.File("events.jsonl"));

        Assert.Equal((4, 0), (stopped.ExitCode, started.ExitCode));
        Assert.NotEqual(Environment.ProcessId, await NumberInAsync(PidFile("file")));
    }

    [Theory]
    [InlineData("webhook", "nonsense", "--endpoint")]
    [InlineData("file", "/proc/no/such/file", "--endpoint")]
    [InlineData("pigeon", "x", "DISPATCHER_SERVICE")]
    public async Task One_that_cannot_start_says_why_to_who_has_started_it(
        string service, string endpoint, string blamed)
    {
        var started = await StartAsync(service, endpoint, "--api-key", Key);

        Assert.Equal(1, started.ExitCode);
        Assert.Contains(blamed, started.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain(Key, started.Errors + started.Output, StringComparison.Ordinal);
        Assert.False(File.Exists(PidFile(service)));
    }

    [Fact]
    public async Task A_key_that_was_a_flag_is_on_no_command_line_and_is_used()
    {
        await using var receiver = new RawUpstream();
        var signed = receiver.Does(static exchange => exchange.AnswerAsync(200, "ok"u8.ToArray()));
        var endpoint = $"{receiver.Address.GetLeftPart(UriPartial.Authority)}{signed.Path}";

        var started = await StartAsync("webhook", endpoint, "--api-key", Key, "--batch-size", "7");
        var id = await NumberInAsync(PidFile("webhook"));
        var line = await File.ReadAllBytesAsync($"/proc/{id}/cmdline", TestContext.Current.CancellationToken);
        await _rig.AskAsync(1);
        await Eventually.HoldsAsync(() => signed.Requests.Count > 0, "the event was delivered");

        Assert.Equal(0, started.ExitCode);
        Assert.DoesNotContain(Key, Encoding.UTF8.GetString(line), StringComparison.Ordinal);
        Assert.Contains("--batch-size\0" + "7", Encoding.UTF8.GetString(line), StringComparison.Ordinal);
        Assert.DoesNotContain(Key, await ReadAsync(LogFile("webhook")), StringComparison.Ordinal);
        WebhookReceiver.DemandSignature(signed.Request.Head, (await signed.Request.Body).Content, Key);
    }

    [Fact]
    public async Task Health_is_answered_by_the_one_in_the_background()
    {
        var port = RawUpstream.Nowhere().Port;
        var address = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}"));

        var started = await StartAsync("file", _rig.Folder.File("events.jsonl"), "--addr", address.Authority);
        Assert.Equal(0, started.ExitCode);

        // At its first moment it has not heard of Redis yet, and says so.
        await Eventually.AnswersAsync(
            async () =>
            {
                await using var client = await RawClient.ConnectAsync(address);
                await client.SendAsync($"GET /health HTTP/1.1\r\nHost: {address.Authority}\r\n\r\n");
                return (await client.ReadAnswerAsync())?.Status;
            },
            static status => status == 200, "it was well");
    }

    private string PidFile(string service) => _rig.Folder.File($"llm-proxy-dispatcher-{service}.pid");

    private string LogFile(string service) => _rig.Folder.File($"llm-proxy-dispatcher-{service}.log");

    private Task<CommandResult> StartAsync(string service, string endpoint, params string[] flags) =>
        RunAsync(["--service", service, "--endpoint", endpoint, .. flags, "--detach"]);

    private Task<CommandResult> RunAsync(params string[] arguments) =>
        DispatcherProcess.RunAsync(_rig.Redis, _rig.Folder, arguments);

    private static async Task<int> NumberInAsync(string file) =>
        int.Parse((await ReadAsync(file)).Trim(), CultureInfo.InvariantCulture);

    private static Task<string> ReadAsync(string file) =>
        File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);

    /// <summary>One that has ended, and of which nobody has taken note, has no program any more.</summary>
    private static bool IsRunning(int process)
    {
        try
        {
            return File.ResolveLinkTarget($"/proc/{process}/exe", returnFinalTarget: false) is not null;
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>Parent, session and terminal of a process: fields 4, 6 and 7 of <c>/proc/PID/stat</c>.</summary>
    private static async Task<(int Parent, int Session, int Terminal)> KinOfAsync(int process)
    {
        var stat = await ReadAsync($"/proc/{process}/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return (Number(fields[1]), Number(fields[3]), Number(fields[4]));

        static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
    }

    private static string?[] OpenFilesOf(int process) =>
    [
        .. Enumerable.Range(0, 3).Select(
            number => File.ResolveLinkTarget($"/proc/{process}/fd/{number}", returnFinalTarget: false)?.FullName),
    ];
}
