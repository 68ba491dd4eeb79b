using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using LlmProxy.Simulator;
using Xunit;

namespace LlmProxy.Tests.Simulator;

/// <summary>A simulator on a port of its own, and a client that holds a key for it.</summary>
public sealed class SimulatorClient : IAsyncDisposable
{
    private readonly SimulatorServer _server;
    private readonly HttpMessageInvoker _http = new(new SocketsHttpHandler { UseProxy = false });

    private SimulatorClient(SimulatorServer server) => _server = server;

    internal Traffic Traffic => _server.Traffic;

    /// <summary>The simulator's own account, as JSON.</summary>
    public string Bill()
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            _server.Bill.Write(json);
        }

        return Encoding.UTF8.GetString(bytes.ToArray());
    }

    internal Uri Address => _server.Address;

    public static Task<SimulatorClient> StartAsync() => StartAsync(TimeProvider.System);

    public static async Task<SimulatorClient> StartAsync(TimeProvider clock) => new(
        await SimulatorServer.StartAsync(new(IPAddress.Loopback, 0), clock, TestContext.Current.CancellationToken));

    /// <summary>A request with a key; <paramref name="headers"/> are <c>Name: value</c> lines.</summary>
    public HttpRequestMessage Request(HttpMethod method, string path, HttpContent? body, params string[] headers)
    {
        var request = new HttpRequestMessage(method, new Uri(_server.Address, path)) { Content = body };
        request.Headers.Add("Authorization", "Bearer key");
        foreach (var header in headers)
        {
            var colon = header.IndexOf(':', StringComparison.Ordinal);
            request.Headers.TryAddWithoutValidation(header[..colon], header[(colon + 1)..].Trim());
        }

        return request;
    }

    public Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancelled = default) =>
        _http.SendAsync(request, cancelled);

    public Task<HttpResponseMessage> GetAsync(string path, params string[] headers) =>
        SendAsync(Request(HttpMethod.Get, path, null, headers), TestContext.Current.CancellationToken);

    public Task<HttpResponseMessage> PostAsync(string path, string json, params string[] headers) =>
        PostAsync(path, new StringContent(json, Encoding.UTF8, "application/json"), headers);

    public Task<HttpResponseMessage> PostAsync(string path, HttpContent body, params string[] headers) =>
        SendAsync(Request(HttpMethod.Post, path, body, headers), TestContext.Current.CancellationToken);

    public async Task<JsonElement> PostForJsonAsync(string path, string json, params string[] headers) =>
        await JsonOf(await PostAsync(path, json, headers));

    public async Task<IReadOnlyList<ServerEvent>> PostForEventsAsync(string path, string json, params string[] headers)
    {
        using var answer = await PostAsync(path, json, headers);
        Assert.Equal("text/event-stream; charset=utf-8", answer.Content.Headers.ContentType?.ToString());
        return ServerEvent.Parse(await TextOf(answer));
    }

    public static async Task<string> TextOf(HttpResponseMessage answer) =>
        await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

    public static async Task<JsonElement> JsonOf(HttpResponseMessage answer)
    {
        using var document = JsonDocument.Parse(await TextOf(answer));
        return document.RootElement.Clone();
    }

    /// <summary>Sends raw bytes and reads until the simulator closes the connection.</summary>
    public async Task<string> SendRawAsync(string request)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(_server.Address.Host, _server.Address.Port, TestContext.Current.CancellationToken);
        await socket.SendAsync(Encoding.Latin1.GetBytes(request), TestContext.Current.CancellationToken);
        using var received = new MemoryStream();
        var buffer = new byte[4096];
        int read;
        while ((read = await ReceiveAsync(socket, buffer)) > 0)
        {
            await received.WriteAsync(buffer.AsMemory(0, read));
        }

        return Encoding.Latin1.GetString(received.ToArray());
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _server.DisposeAsync();
    }

    private static async Task<int> ReceiveAsync(Socket socket, byte[] buffer)
    {
        try
        {
            return await socket.ReceiveAsync(buffer, TestContext.Current.CancellationToken);
        }
        catch (SocketException reset) when (reset.SocketErrorCode == SocketError.ConnectionReset)
        {
            return 0;
        }
    }
}

/// <summary>One server-sent event.</summary>
public sealed record ServerEvent(string? Name, string Text)
{
    public JsonElement Json
    {
        get
        {
            using var document = JsonDocument.Parse(Text);
            return document.RootElement.Clone();
        }
    }

    public static IReadOnlyList<ServerEvent> Parse(string stream)
    {
        Assert.EndsWith("\n\n", stream);
        return
        [
            .. stream[..^2].Split("\n\n").Select(static block =>
            {
                var lines = block.Split('\n');
                var name = lines.Length == 2 ? lines[0]["event: ".Length..] : null;
                Assert.StartsWith("data: ", lines[^1]);
                return new ServerEvent(name, lines[^1]["data: ".Length..]);
            }),
        ];
    }
}
