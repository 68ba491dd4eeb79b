using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using LlmProxy.Management;
using LlmProxy.Secrets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.Routing;
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
    private readonly List<HttpClient> _clients = [];

    private ManagementServer(WebApplication app, FakeTimeProvider clock)
    {
        _app = app;
        Clock = clock;
        Address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        Client = Caller(Token);
    }

    public Uri Address { get; }

    public FakeTimeProvider Clock { get; }

    /// <summary>A caller with the management token.</summary>
    public HttpClient Client { get; }

    public IServiceProvider Services => _app.Services;

    public static async Task<ManagementServer> StartAsync(
        Action<RouteGroupBuilder>? map = null,
        Action<IServiceCollection>? add = null,
        Func<IServiceProvider, CancellationToken, Task>? askStore = null)
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero));
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.AddSingleton<TimeProvider>(clock);
        builder.Services.AddManagement(
            new ManagementOptions(new Secret(Token)), askStore ?? (static (_, _) => Task.CompletedTask));
        add?.Invoke(builder.Services);

        // The native executable has no reflection to fall back to, so the tests have none either.
        builder.Services.PostConfigure<JsonOptions>(options =>
        {
            var chain = options.SerializerOptions.TypeInfoResolverChain;
            chain.Remove(chain.Single(resolver => resolver is DefaultJsonTypeInfoResolver));
        });

        var app = builder.Build();
        app.MapHealth();
        app.MapApiDescription();
        app.MapApiPage();
        var manage = app.MapManagement();
        map?.Invoke(manage);

        // Stands for the proxy path, which takes whatever nothing else does.
        app.Map("/{**path}", static () => "the proxy");
        await app.StartAsync();
        return new ManagementServer(app, clock);
    }

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

    public async ValueTask DisposeAsync()
    {
        _clients.ForEach(client => client.Dispose());
        await _app.DisposeAsync();
    }
}

/// <summary>An answer as the tests look at it: read to its end.</summary>
internal sealed record Answer(HttpStatusCode Status, HttpResponseHeaders Headers, HttpContentHeaders Content, string Text)
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
