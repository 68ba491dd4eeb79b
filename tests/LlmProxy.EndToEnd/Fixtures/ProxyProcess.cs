using System.Globalization;
using System.Text.RegularExpressions;

namespace LlmProxy.EndToEnd.Fixtures;

/// <summary>What a proxy is started with.</summary>
internal sealed record ProxySetup
{
    /// <summary>Where OpenAI's API is said to be; used with the embedded provider file.</summary>
    public Uri? Upstream { get; init; }

    /// <summary>A provider file of the test's own, in place of the embedded one.</summary>
    public string? ProviderYaml { get; init; }

    /// <summary>Settings as environment variables, over the fixture's own.</summary>
    public IReadOnlyList<(string Name, string Value)> Settings { get; init; } = [];

    /// <summary>Flags after <c>server</c>.</summary>
    public IReadOnlyList<string> Flags { get; init; } = [];
}

/// <summary>A running <c>llm-proxy server</c>: its own process, folder, database and port.</summary>
internal sealed partial class ProxyProcess : IAsyncDisposable
{
    public const string ManagementToken = "management-token-of-the-end-to-end-suite";

    private ProxyProcess(ChildProcess process, Uri address)
    {
        Process = process;
        Address = address;
        Management = new ManagementClient(address, ManagementToken);
    }

    public ChildProcess Process { get; }

    public Uri Address { get; }

    public ManagementClient Management { get; }

    /// <summary>Everything it logged so far.</summary>
    public string Log => Process.Errors;

    /// <summary>Starts a server in the folder, where its database stays: start again to see what survived.</summary>
    public static async Task<ProxyProcess> StartAsync(TempFolder folder, ProxySetup setup)
    {
        var process = Executable.Start(folder.Path, await EnvironmentAsync(folder, setup), ["server", .. setup.Flags]);
        try
        {
            var log = setup.Settings.LastOrDefault(static setting => setting.Name == "LOG_FILE").Value;
            var address = await process.ListeningAsync(() => LogAsync(process, log));
            return new ProxyProcess(process, address);
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    private static Task<string> LogAsync(ChildProcess process, string? file) => File.Exists(file)
        ? File.ReadAllTextAsync(file, TestContext.Current.CancellationToken)
        : Task.FromResult(process.Errors);

    /// <summary>
    /// The environment that <see cref="StartAsync"/> gives, for tests that drive the process themselves.
    /// </summary>
    public static async Task<IReadOnlyList<(string Name, string Value)>> EnvironmentAsync(
        TempFolder folder, ProxySetup setup)
    {
        List<(string Name, string Value)> environment =
        [
            ("MANAGEMENT_TOKEN", ManagementToken),
            ("DATABASE_PATH", folder.File("llm-proxy.db")),
            ("LISTEN_ADDR", "127.0.0.1:0"),
            ("DRAIN_DELAY", "0s"),
        ];
        if (setup.Upstream is { } upstream)
        {
            environment.Add(("OPENAI_API_URL", upstream.GetLeftPart(UriPartial.Authority)));
        }

        if (setup.ProviderYaml is { } yaml)
        {
            environment.Add(("API_CONFIG_PATH", await folder.WriteAsync("providers.yaml", yaml)));
        }

        environment.AddRange(setup.Settings);
        return environment;
    }

    /// <summary>
    /// A request head that is right in every respect, with the given lines before its closing empty line.
    /// </summary>
    public string Head(string method, string target, string secret, params IEnumerable<string> lines) =>
        $"{method} {target} HTTP/1.1\r\nHost: {Address.Authority}\r\nAuthorization: Bearer {secret}\r\n"
        + string.Concat(lines.Select(static line => line + "\r\n")) + "\r\n";

    /// <summary>Sends bytes on a connection of their own; null when it ends without an answer.</summary>
    public async Task<RawAnswer?> AskAsync(string request, string method = "GET")
    {
        await using var client = await RawClient.ConnectAsync(Address);
        await client.TrySendAsync(request);
        return await client.ReadAnswerAsync(method);
    }

    public async Task<RawAnswer> GetAsync(string target, string secret, params IEnumerable<string> lines)
    {
        var answer = await AskAsync(Head("GET", target, secret, lines));
        Assert.NotNull(answer);
        return answer;
    }

    /// <summary>A POST with the body as it is.</summary>
    public async Task<RawAnswer> PostAsync(string target, string secret, string body, params IEnumerable<string> lines)
    {
        var length = body.Length.ToString(CultureInfo.InvariantCulture);
        var answer = await AskAsync(Head("POST", target, secret, [$"Content-Length: {length}", .. lines]) + body);
        Assert.NotNull(answer);
        return answer;
    }

    /// <summary>SIGTERM, then the end.</summary>
    public async Task<CommandResult> StopAsync()
    {
        await Process.TerminateAsync();
        return await Process.EndAsync();
    }

    public async ValueTask DisposeAsync()
    {
        Management.Dispose();
        await Process.DisposeAsync();
    }
}

/// <summary>Reads where a server listens from what it says.</summary>
internal static partial class Listening
{
    public static async Task<Uri> ListeningAsync(this ChildProcess process, Func<Task<string>> whatItSays)
    {
        await Eventually.AnswersAsync(
            whatItSays, said => Address().IsMatch(said) || process.HasExited, "the program told its address");
        var match = Address().Match(await whatItSays());
        return match.Success
            ? new Uri(match.Value)
            : throw new InvalidOperationException(
                $"It ended instead of listening.\n{(await process.EndAsync()).Errors}");
    }

    [GeneratedRegex(@"http://127\.0\.0\.1:\d+(?=\D)", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Address();
}
