using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using LlmProxy.Caching;
using LlmProxy.Events;
using LlmProxy.Http;
using LlmProxy.Limits;
using LlmProxy.Management;
using LlmProxy.Projects;
using LlmProxy.Providers;
using LlmProxy.Proxying;
using LlmProxy.Secrets;
using LlmProxy.Settings;
using LlmProxy.Storage;
using LlmProxy.Telemetry;
using LlmProxy.Tokens;
using LlmProxy.Usage.Prices;
using LlmProxy.Usage.Statistics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LlmProxy.Tests.Management;

/// <summary>The management side on a real Kestrel on loopback, with a clock that the test moves.</summary>
internal sealed class ManagementServer : IAsyncDisposable
{
    public const string Token = "correct-horse-battery-staple-42";

    private readonly WebApplication _app;
    private readonly DirectoryInfo _folder;
    private readonly List<HttpClient> _clients = [];

    private ManagementServer(WebApplication app, DirectoryInfo folder, FakeTimeProvider clock, LogLines log)
    {
        (_app, _folder, Clock, Log) = (app, folder, clock, log.Lines);
        Address = new Uri(app.Urls.First());
        Client = Caller(Token);
    }

    public Uri Address { get; }

    public FakeTimeProvider Clock { get; }

    /// <summary>A caller with the management token.</summary>
    public HttpClient Client { get; }

    /// <summary>Every line that was logged, at all levels.</summary>
    public IReadOnlyCollection<string> Log { get; }

    public IServiceProvider Services => _app.Services;

    public static async Task<ManagementServer> StartAsync(
        Func<IServiceProvider, CancellationToken, Task>? askStore = null, ICacheStore? cache = null)
    {
        var folder = Directory.CreateTempSubdirectory("llm-proxy-management-");
        var database = PathOfDatabase(folder);
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero));
        var builder = WebApplication.CreateSlimBuilder();
        var log = new LogLines();
        builder.Logging.ClearProviders().SetMinimumLevel(LogLevel.Trace).AddProvider(log)
            .AddFilter("Microsoft", LogLevel.Warning);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.AddSingleton<TimeProvider>(clock);
        builder.Services.AddStorage(new StorageOptions(database));
        builder.Services.AddSecrets(new SecretsOptions(key: null, previousKey: null));
        builder.Services.AddSingleton(FrontOptions.Read(Settings()));
        builder.Services.AddSingleton(TelemetryOptions.Read(Settings())).AddSingleton<LogQueue>();
        builder.Services.AddProviders(ProviderOptions.Read(Settings()));
        builder.Services.AddCaching(CacheOptions.Read(Settings()) with { IsOn = cache is not null })
            .AddCacheApi();
        if (cache is not null)
        {
            builder.Services.AddSingleton(cache);
        }

        builder.Services.AddEvents(EventOptions.Read(Settings()));
        builder.Services.AddProxying().AddExplainApi();
        builder.Services.AddLimits(LimitsOptions.None);
        builder.Services.AddProjects().AddProjectsApi();
        builder.Services.AddTokens().AddTokensApi();
        builder.Services.AddUsage(new UsageOptions(new PriceTable(default, []), TimeSpan.FromDays(400))).AddUsageApi();
        builder.Services.AddManagement(
            new ManagementOptions(new Secret(Token)), askStore ?? (static (_, _) => Task.CompletedTask));

        // The native executable has no reflection to fall back to, so the tests have none either.
        builder.Services.PostConfigure<JsonOptions>(options =>
        {
            var chain = options.SerializerOptions.TypeInfoResolverChain;
            chain.Remove(chain.Single(resolver => resolver is DefaultJsonTypeInfoResolver));
        });

        var app = builder.Build();
        await app.Services.GetRequiredService<Database>().OpenAsync(TestContext.Current.CancellationToken);
        await app.Services.GetRequiredService<KeyRing>().OpenAsync(TestContext.Current.CancellationToken);
        Map(app);
        await app.StartAsync();
        return new ManagementServer(app, folder, clock, log);
    }

    /// <summary>Makes a project as a caller would, and answers its id.</summary>
    public async Task<string> GivenAProjectAsync(string name, string key = "sk-of-the-project-1234")
    {
        var created = await Client.AskAsync(
            "POST", "/manage/projects", $$"""{"name":"{{name}}","api_key":"{{key}}"}""");
        return created.Json["id"]!.GetValue<string>();
    }

    /// <summary>Issues a token as a caller would, and answers what came of it.</summary>
    public async Task<JsonObject> GivenATokenAsync(string projectId, string more = "")
    {
        var issued = await Client.AskAsync(
            "POST", "/manage/tokens", $$"""{"project_id":"{{projectId}}","duration_minutes":60{{more}}}""");
        return issued.Json;
    }

    /// <summary>Whether the proxy would let a request with this secret pass.</summary>
    public async Task<bool> AdmitsAsync(string secret) =>
        (await Services.GetRequiredService<TokenGate>().AdmitAsync(secret, CancellationToken.None)).Grant is not null;

    /// <param name="token">Sent as the bearer token unless it is null.</param>
    /// <param name="from">The loopback address to call from.</param>
    public HttpClient Caller(string? token, string from = "127.0.0.1")
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            ConnectCallback = async (context, aborted) =>
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
                socket.Bind(new IPEndPoint(IPAddress.Parse(from).MapToIPv6(), 0));
                await socket.ConnectAsync(IPAddress.Loopback.MapToIPv6(), context.DnsEndPoint.Port, aborted);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        var client = new HttpClient(handler) { BaseAddress = Address };
        if (token is not null)
        {
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        _clients.Add(client);
        return client;
    }

    public async Task BreakTheStoreAsync()
    {
        await using var connection = await ConnectAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "DROP TABLE tokens; DROP TABLE projects";
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>Writes into every row that it made 17 requests with 52000 tokens for 0.120001 dollars.</summary>
    public async Task CountUseAsync()
    {
        await using var connection = await ConnectAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = """
            UPDATE tokens SET request_count = 17, token_count = 52000, cost = 120001, last_used_at = 1769860800000;
            UPDATE projects SET request_count = 17, token_count = 52000, cost = 120001, last_used_at = 1769860800000
            """;
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        _clients.ForEach(client => client.Dispose());
        await _app.StopAsync();
        await _app.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private async Task<SqliteConnection> ConnectAsync()
    {
        var connection = new SqliteConnection($"Data Source={PathOfDatabase(_folder)};Pooling=False");
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        return connection;
    }

    private static string PathOfDatabase(DirectoryInfo folder) => Path.Combine(folder.FullName, "test.db");

    /// <summary>Nothing is set.</summary>
    private static SettingsReader Settings() => new(
        new Dictionary<string, string?>(StringComparer.Ordinal), new Dictionary<string, string>(StringComparer.Ordinal),
        []);

    private static void Map(WebApplication app)
    {
        Server.MapOwn(app);

        // Stands for the proxy path, which takes whatever nothing else does.
        app.Map("/{**path}", static () => "the proxy");
    }
}

/// <summary>Keeps what is logged, with the filters of the product.</summary>
internal sealed class LogLines : ILoggerProvider, ILogger
{
    public ConcurrentQueue<string> Lines { get; } = [];

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception,
        Func<TState, Exception?, string> formatter) =>
        Lines.Enqueue($"{formatter(state, exception)} {exception}");

    public void Dispose()
    {
    }
}

/// <summary>An answer as the tests look at it: read to its end.</summary>
internal sealed record Answer(
    HttpStatusCode Status, HttpResponseHeaders Headers, HttpContentHeaders Content, string Text)
{
    public JsonObject Json => JsonNode.Parse(Text)!.AsObject();

    /// <summary>Status, code and field in one string, which makes a failure readable.</summary>
    public string Problem =>
        Content.ContentType?.MediaType == "application/problem+json"
            ? $"{(int)Status} {Json["code"]} {Json["field"]}".TrimEnd()
            : $"{(int)Status} without a problem";
}

/// <summary>Sends requests the way the tests write them.</summary>
internal static class CallerExtensions
{
    public static async Task<Answer> AskAsync(
        this HttpClient client, string method, string path, string? json = null, string mediaType = "application/json")
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (json is not null)
        {
            request.Content = new StringContent(json, Encoding.UTF8, mediaType);
        }

        return await client.AskAsync(request);
    }

    public static async Task<Answer> AskAsync(this HttpClient client, HttpRequestMessage request)
    {
        using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        return new Answer(response.StatusCode, response.Headers, response.Content.Headers, text);
    }
}
