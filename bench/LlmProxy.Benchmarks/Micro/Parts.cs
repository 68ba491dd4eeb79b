using LlmProxy.Limits;
using LlmProxy.Projects;
using LlmProxy.Providers;
using LlmProxy.Secrets;
using LlmProxy.Settings;
using LlmProxy.Storage;
using LlmProxy.Tokens;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace LlmProxy.Benchmarks.Micro;

/// <summary>The server's own parts over a real database with one token, put together as the server does it.</summary>
internal sealed class Parts : IAsyncDisposable
{
    /// <summary>One provider with every kind of rule.</summary>
    private const string Providers =
        """
        default_api: openai
        apis:
          openai:
            base_url: https://api.openai.com
            allowed_endpoints: [/v1/models, /v1/models/*, /v1/embeddings, /v1/responses, /v1/chat/completions]
            allowed_methods: [GET, POST, DELETE]
            param_whitelist:
              model: [gpt-4o, gpt-4o-*, o4-*]
          other:
            base_url: https://api.example.com/base
            allowed_endpoints: [/v1/chat/completions]
            allowed_methods: [POST]
        """;

    private readonly ServiceProvider _services;
    private readonly string _folder;

    private Parts(ServiceProvider services, string folder, ProviderTable table) =>
        (_services, _folder, Table) = (services, folder, table);

    public ProviderTable Table { get; }

    public TokenGate Gate => _services.GetRequiredService<TokenGate>();

    public TokenHasher Hasher => _services.GetRequiredService<TokenHasher>();

    /// <summary>A token without a limit of requests.</summary>
    public string Token { get; private set; } = "";

    public static async Task<Parts> AssembleAsync()
    {
        var folder = Directory.CreateTempSubdirectory("llm-proxy-micro-").FullName;
        var file = Path.Combine(folder, "providers.yaml");
        await File.WriteAllTextAsync(file, Providers);
        var settings = new SettingsReader(
            new Dictionary<string, string?>(StringComparer.Ordinal)
            {
                ["DATABASE_PATH"] = Path.Combine(folder, "llm-proxy.db"),
                ["API_CONFIG_PATH"] = file,
            },
            new Dictionary<string, string>(StringComparer.Ordinal),
            []);
        var (storage, providers) = (StorageOptions.Read(settings), ProviderOptions.Read(settings));

        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton(TimeProvider.System);
        services.AddStorage(storage);
        services.AddSecrets(SecretsOptions.Read(settings));
        services.AddLimits(LimitsOptions.None);
        services.AddProjects();
        services.AddTokens();
        var parts = new Parts(services.BuildServiceProvider(), folder, providers.Table!);
        await parts.OpenAsync();
        return parts;
    }

    /// <summary>A request as an SDK sends it.</summary>
    public static DefaultHttpContext ChatRequest(string token)
    {
        var http = new DefaultHttpContext { TraceIdentifier = "0197c0de-0000-7000-8000-000000000000" };
        var request = http.Request;
        (request.Method, request.Protocol, request.ContentLength) = (HttpMethods.Post, "HTTP/1.1", 0);
        var headers = request.Headers;
        headers.Host = "127.0.0.1:8080";
        headers.Authorization = "Bearer " + token;
        headers.Accept = "application/json";
        headers.AcceptEncoding = "gzip, deflate";
        headers.ContentType = "application/json";
        headers.UserAgent = "OpenAI/Python 1.99.0";
        headers["X-Stainless-Lang"] = "python";
        headers["X-Stainless-Package-Version"] = "1.99.0";
        headers["X-Stainless-OS"] = "Linux";
        headers["X-Stainless-Arch"] = "x64";
        headers["X-Stainless-Runtime"] = "CPython";
        headers["X-Stainless-Retry-Count"] = "0";
        return http;
    }

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task OpenAsync()
    {
        await _services.GetRequiredService<Database>().OpenAsync(CancellationToken.None);
        await _services.GetRequiredService<KeyRing>().OpenAsync(CancellationToken.None);
        var project = await _services.GetRequiredService<ProjectDirectory>()
            .CreateAsync("benchmark", new Secret("sk-benchmark-0123456789abcdefghij"));
        var issued = await _services.GetRequiredService<TokenIssuer>()
            .IssueAsync(new TokenOrder(
                project.Row!.Id, TimeProvider.System.GetUtcNow().AddDays(1), LimitChange.None));
        Token = issued.Secret!.Reveal();
    }
}
