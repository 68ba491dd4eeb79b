using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using LlmProxy.Cli;
using Xunit;

namespace LlmProxy.Tests.Proxying;

/// <summary>Counts what the whole process allocates, so nothing else may run meanwhile.</summary>
[CollectionDefinition(nameof(StreamAllocationTests), DisableParallelization = true)]
public sealed class Alone;

/// <summary>
/// The whole server in this process, between a provider and a client that are sockets of the test's and allocate
/// nothing themselves. Each event is sent only when the one before has arrived, so that each is a piece of its own.
/// </summary>
[Collection(nameof(StreamAllocationTests))]
public sealed class StreamAllocationTests : IAsyncLifetime
{
    private const string ManagementToken = "correct-horse-battery-staple-42";
    private const int ShortStream = 100;
    private const int LongStream = 10_100;

    // SocketsHttpHandler's own: 176 bytes for each read of a chunked body that has to wait, and 112 more when the rest
    // of a chunk does. Nothing of ours is in it.
    private const int OfHttpClient = 176 + 112 + 8;

    private static readonly byte[] Head = Encoding.ASCII.GetBytes(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");

    private static readonly byte[] Event = ChunkOf(
        "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\"model\":"
        + "\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" river\"},\"finish_reason\":null}]}\n\n");

    private static readonly byte[] End = [.. ChunkOf("data: [DONE]\n\n"), .. "0\r\n\r\n"u8];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("llm-proxy-allocation-");
    private readonly TcpListener _provider = new(IPAddress.Loopback, 0);
    private readonly Socket _client = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly byte[] _buffer = new byte[64 * 1024];
    private RunningProgram _server = null!;
    private Socket _upstream = null!;
    private byte[] _request = [];

    public async ValueTask InitializeAsync()
    {
        _provider.Start();
        var providers = Path.Combine(_folder.FullName, "providers.yaml");
        await File.WriteAllTextAsync(providers,
            $"""
            default_api: test
            apis:
              test:
                base_url: http://{_provider.LocalEndpoint}
                allowed_endpoints: [/v1/chat/completions]
                allowed_methods: [POST]
            """);
        _server = await Server.StartAsync(
            new Dictionary<string, string?>(StringComparer.Ordinal)
            {
                ["MANAGEMENT_TOKEN"] = ManagementToken,
                ["LISTEN_ADDR"] = "127.0.0.1:0",
                ["DATABASE_PATH"] = Path.Combine(_folder.FullName, "llm-proxy.db"),
                ["API_CONFIG_PATH"] = providers,
                ["LOG_FILE"] = Path.Combine(_folder.FullName, "log"),

                // It is set for a whole process, and other tests block on their sockets.
                ["INLINE_SCHEDULING"] = "false",
            },
            TestContext.Current.CancellationToken);
        using var handler = new SocketsHttpHandler();
        using var management = new HttpMessageInvoker(handler);
        var project = await CreateAsync(
            management, "projects", "id", """{"name":"stream","api_key":"sk-stream-0123456789abcdefghij"}""");
        var token = await CreateAsync(
            management,
            "tokens",
            "token",
            $$"""
            {"project_id":"{{project}}","duration_minutes":60,"max_requests":1000,"requests_per_minute":1000,
            "max_concurrent":10,"max_tokens":100000000,"tokens_per_minute":100000000,"max_cost_usd":"1000",
            "allowed_models":["gpt-4o-*"]}
            """);
        const string Body = """{"model":"gpt-4o-mini","stream":true,"max_tokens":100,"messages":[]}""";
        _request = Encoding.ASCII.GetBytes(
            $"POST /v1/chat/completions HTTP/1.1\r\nHost: proxy\r\nAuthorization: Bearer {token}\r\n"
            + $"Content-Type: application/json\r\nContent-Length: {Body.Length}\r\n\r\n{Body}");
        _client.NoDelay = true;
        Connect();
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        _upstream.Dispose();
        _provider.Dispose();
        await _server.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public void Ten_thousand_more_events_allocate_nothing_beyond_what_HttpClient_does()
    {
        // The background work of a moment, and a pool that had to grow, are not in each of three.
        var perEvent = Enumerable.Range(0, 3).Min(_ =>
            (double)(BytesAllocatedFor(LongStream) - BytesAllocatedFor(ShortStream)) / (LongStream - ShortStream));

        Assert.InRange(perEvent, double.MinValue, OfHttpClient);
    }

    private static byte[] ChunkOf(string text) => Encoding.ASCII.GetBytes($"{text.Length:x}\r\n{text}\r\n");

    /// <summary>The first stream warms everything up, and opens the one connection to the provider.</summary>
    private void Connect()
    {
#pragma warning disable MA0045 // A socket that was once used asynchronously allocates at each call.
        _client.Connect(_server.Address.Host, _server.Address.Port);
        _client.Send(_request);
        _upstream = _provider.AcceptSocket();
#pragma warning restore MA0045
        _upstream.NoDelay = true;
        Answer(LongStream);
    }

    private long BytesAllocatedFor(int events)
    {
        var before = GC.GetTotalAllocatedBytes(precise: true);
        _client.Send(_request);
        Answer(events);
        return GC.GetTotalAllocatedBytes(precise: true) - before;
    }

    private void Answer(int events)
    {
        ReceiveUntil(_upstream, "]}"u8);
        _upstream.Send(Head);
        for (var i = 0; i < events; i++)
        {
            _upstream.Send(Event);
            ReceiveUntil(_client, "\n\n\r\n"u8);
        }

        _upstream.Send(End);
        ReceiveUntil(_client, "\r\n0\r\n\r\n"u8);
    }

    private void ReceiveUntil(Socket socket, ReadOnlySpan<byte> end)
    {
        var received = 0;
        do
        {
            var read = socket.Receive(_buffer.AsSpan(received));
            received += read > 0 ? read : throw new IOException("The connection ended.");
        }
        while (!_buffer.AsSpan(0, received).EndsWith(end));
    }

    private async Task<string> CreateAsync(HttpMessageInvoker management, string kind, string wanted, string body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_server.Address, $"/manage/{kind}"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", ManagementToken);
        request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        using var response = await management.SendAsync(request, TestContext.Current.CancellationToken);
        var answer = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Created, response.StatusCode);
        return JsonNode.Parse(answer)![wanted]!.GetValue<string>();
    }
}
