using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace LlmProxy.Benchmarks.SideBySide;

/// <summary>
/// llm-proxy as its users run it: the native executable with its defaults, a SQLite file, and a token made through the
/// management API.
/// </summary>
internal sealed class ServerUnderTest
{
    public const string ProviderKey = "sk-benchmark-0123456789abcdefghij";

    private const string ManagementToken = "benchmark-management-token";

    private readonly string _program;
    private readonly string _folder;
    private readonly IReadOnlyDictionary<string, string> _environment;

    private ServerUnderTest(string program, string folder, Upstreams upstreams)
    {
        (_program, _folder) = (program, folder);
        Address = Loopback.FreeAddress();
        DatabasePath = Path.Combine(folder, "llm-proxy.db");
        var config = Path.Combine(folder, "providers.yaml");
        File.WriteAllText(
            config,
            $$"""
            default_api: chat
            apis:
              chat:
                base_url: http://{{upstreams.Chat}}
                allowed_endpoints: [/v1/chat/completions, /v1/models]
                allowed_methods: [POST, GET]
              streams:
                base_url: http://{{upstreams.Streams}}
                allowed_endpoints: [/v1/chat/completions]
                allowed_methods: [POST]
            """);
        _environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["MANAGEMENT_TOKEN"] = ManagementToken,
            ["LISTEN_ADDR"] = Address.ToString(),
            ["DATABASE_PATH"] = DatabasePath,
            ["API_CONFIG_PATH"] = config,
        };
    }

    public IPEndPoint Address { get; }

    public string DatabasePath { get; }

    /// <summary>Its settings as flags, for a server inside this process, with its log in a file.</summary>
    public IReadOnlyDictionary<string, string?> Settings =>
        _environment.Append(new("LOG_FILE", Path.Combine(_folder, "in-process.log")))
            .ToDictionary(static one => one.Key, static one => (string?)one.Value, StringComparer.Ordinal);

    /// <summary>The id of its one project. Set once the server has been prepared.</summary>
    public string Project { get; private set; } = "";

    /// <summary>Set once the server has been prepared.</summary>
    public string Token { get; private set; } = "";

    /// <summary>Starts once on an empty folder, makes a project and a token, and stops again.</summary>
    public static async Task<ServerUnderTest> PrepareAsync(
        string program, string folder, Upstreams upstreams, Limits limits, CancellationToken aborted)
    {
        Directory.CreateDirectory(folder);
        var server = new ServerUnderTest(program, folder, upstreams);
        await using var process = server.Start();
        await Loopback.WaitUntilListeningAsync(server.Address, process, aborted);
        using var management = new HttpMessageInvoker(new SocketsHttpHandler { UseProxy = false });
        server.Project = await server.CreateProjectAsync(management, limits, aborted);
        server.Token = await server.CreateTokenAsync(management, server.Project, limits, aborted);
        await Loopback.WaitForAnswerAsync(server.Address, server.Token, process, aborted);
        return server;
    }

    public ChildProcess Start() => ChildProcess.Start(_program, ["server"], _folder, _environment);

    /// <summary>Gives back the project's id.</summary>
    public Task<string> CreateProjectAsync(HttpMessageInvoker management, Limits limits, CancellationToken aborted) =>
        CreateAsync(
            management,
            "projects",
            $$"""{"name":"benchmark","api_key":"{{ProviderKey}}"{{limits.Members}}}""",
            aborted);

    /// <summary>Gives back the token's secret.</summary>
    public Task<string> CreateTokenAsync(
        HttpMessageInvoker management, string project, Limits limits, CancellationToken aborted) =>
        CreateAsync(
            management,
            "tokens",
            $$"""{"project_id":"{{project}}","duration_minutes":1440{{limits.Members}}}""",
            aborted);

    /// <summary>Creates a project or a token; gives back the token's secret or the project's id.</summary>
    private async Task<string> CreateAsync(
        HttpMessageInvoker management, string kind, string body, CancellationToken aborted)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"http://{Address}/manage/{kind}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", ManagementToken);
        request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        using var response = await management.SendAsync(request, aborted);
        var text = await response.Content.ReadAsStringAsync(aborted);
        if (response.StatusCode != HttpStatusCode.Created)
        {
            throw new InvalidOperationException($"POST /manage/{kind} was answered with {response.StatusCode}: {text}");
        }

        using var answer = JsonDocument.Parse(text);
        return answer.RootElement.GetProperty(kind == "tokens" ? "token" : "id").GetString()!;
    }
}
