using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Xunit;

namespace LlmProxy.Tests.Simulator;

public sealed class RealtimeSessionTests : IAsyncLifetime
{
    private readonly ClientWebSocket _socket = new();
    private SimulatorClient _simulator = null!;

    public async ValueTask InitializeAsync()
    {
        _simulator = await SimulatorClient.StartAsync();
        _socket.Options.SetRequestHeader("Authorization", "Bearer key");
        _socket.Options.SetRequestHeader("x-simulator-chunks", "2");
        _socket.Options.AddSubProtocol("other");
        _socket.Options.AddSubProtocol("realtime");
        var address = new UriBuilder(_simulator.Address) { Scheme = "ws", Path = "/v1/realtime", Query = "model=m" };
        await _socket.ConnectAsync(address.Uri, TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        _socket.Dispose();
        await _simulator.DisposeAsync();
    }

    [Fact]
    public async Task Begins_with_the_session()
    {
        var first = await ReceiveAsync();

        Assert.Equal("session.created", first.GetProperty("type").GetString());
        Assert.Equal("m", first.GetProperty("session").GetProperty("model").GetString());
        Assert.Equal("realtime", _socket.SubProtocol);
    }

    [Fact]
    public async Task Answers_what_was_said_with_the_events_of_a_response_and_its_usage()
    {
        await ReceiveAsync();
        await SendAsync("""
            {"type":"conversation.item.create","item":{"type":"message","role":"user",
            "content":[{"type":"input_text","text":"Hello my friend"}]}}
            """);
        await SendAsync("""{"type":"response.create"}""");

        var received = new List<JsonElement>();
        while (received.Count == 0 || received[^1].GetProperty("type").GetString() != "response.done")
        {
            received.Add(await ReceiveAsync());
        }

        Assert.Equal(
            [
                "conversation.item.added", "conversation.item.done", "response.created", "response.output_item.added",
                "response.content_part.added", "response.output_text.delta", "response.output_text.delta",
                "response.output_text.done", "response.content_part.done", "response.output_item.done", "response.done",
            ],
            received.Select(static message => message.GetProperty("type").GetString()), StringComparer.Ordinal);
        var usage = received[^1].GetProperty("response").GetProperty("usage");
        Assert.Equal(3, usage.GetProperty("input_tokens").GetInt32());
        Assert.Equal(2, usage.GetProperty("output_tokens").GetInt32());
    }

    [Fact]
    public async Task Reports_the_usage_of_a_response_by_kind_of_token()
    {
        await ReceiveAsync();
        await SendAsync("""
            {"type":"response.create","response":{"metadata":{
            "usage":"prompt=100,completion=30,cached=40,audio_in=60,audio_out=20"}}}
            """);

        var response = await ReceiveDoneAsync();

        Assert.Equal(
            """
            {"total_tokens":130,"input_tokens":100,"output_tokens":30,"input_token_details":{"text_tokens":40,
            "audio_tokens":60,"image_tokens":0,"cached_tokens":40},"output_token_details":{"text_tokens":10,
            "audio_tokens":20}}
            """.ReplaceLineEndings(""),
            response.GetProperty("usage").GetRawText());
        await Condition.HoldsAsync(() => _simulator.Bill().Contains(
            "\"m\":{\"requests\":1,\"prompt_tokens\":100,\"cached_tokens\":40,\"reasoning_tokens\":0,"
            + "\"completion_tokens\":30}", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Ends_a_response_incomplete_at_the_limit_of_tokens()
    {
        await ReceiveAsync();
        await SendAsync("""{"type":"response.create","response":{"max_output_tokens":1}}""");

        var response = await ReceiveDoneAsync();

        Assert.Equal("incomplete", response.GetProperty("status").GetString());
        Assert.Equal("max_output_tokens", response.GetProperty("status_details").GetProperty("reason").GetString());
        Assert.Equal(1, response.GetProperty("usage").GetProperty("output_tokens").GetInt32());
    }

    [Theory]
    [InlineData("{\"type\":\"response.create\",\"response\":{\"metadata\":{\"usage\":\"x\"}}}", "invalid_value")]
    [InlineData("{", "invalid_json")]
    [InlineData("[1]", "invalid_value")]
    [InlineData("{\"type\":\"sing\"}", "invalid_value")]
    [InlineData("{\"type\":\"conversation.item.create\"}", "missing_required_parameter")]
    public async Task Says_what_is_wrong_with_a_message_and_goes_on(string message, string code)
    {
        await ReceiveAsync();

        await SendAsync(message);
        var error = await ReceiveAsync();
        await SendAsync("""{"type":"session.update"}""");
        var next = await ReceiveAsync();

        Assert.Equal(code, error.GetProperty("error").GetProperty("code").GetString());
        Assert.Equal("session.updated", next.GetProperty("type").GetString());
    }

    [Fact]
    public async Task Sends_binary_messages_back()
    {
        await ReceiveAsync();
        var sent = Enumerable.Range(0, 100_000).Select(static i => (byte)i).ToArray();

        await _socket.SendAsync(sent, WebSocketMessageType.Binary, true, TestContext.Current.CancellationToken);

        Assert.Equal(sent, await ReceiveBytesAsync());
    }

    [Fact]
    public async Task Closes_with_the_status_of_the_client()
    {
        await ReceiveAsync();

        await _socket.CloseAsync(
            WebSocketCloseStatus.EndpointUnavailable, "bye", TestContext.Current.CancellationToken);

        Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, _socket.CloseStatus);
    }

    [Fact]
    public async Task Closes_on_a_message_that_is_too_large()
    {
        await ReceiveAsync();

        await _socket.SendAsync(
            new byte[1_100_000], WebSocketMessageType.Binary, true, TestContext.Current.CancellationToken);
        await ReceiveBytesAsync();

        Assert.Equal(WebSocketCloseStatus.MessageTooBig, _socket.CloseStatus);
    }

    [Fact]
    public async Task Refuses_what_is_not_an_upgrade()
    {
        using var answer = await _simulator.GetAsync("/v1/realtime");

        Assert.Equal(400, (int)answer.StatusCode);
    }

    private Task SendAsync(string message) => _socket.SendAsync(
        Encoding.UTF8.GetBytes(message), WebSocketMessageType.Text, true, TestContext.Current.CancellationToken);

    private async Task<JsonElement> ReceiveDoneAsync()
    {
        var message = await ReceiveAsync();
        while (message.GetProperty("type").GetString() != "response.done")
        {
            message = await ReceiveAsync();
        }

        return message.GetProperty("response");
    }

    private async Task<JsonElement> ReceiveAsync()
    {
        using var document = JsonDocument.Parse(await ReceiveBytesAsync());
        return document.RootElement.Clone();
    }

    private async Task<byte[]> ReceiveBytesAsync()
    {
        var buffer = new byte[256 * 1024];
        var length = 0;
        ValueWebSocketReceiveResult received;
        do
        {
            received = await _socket.ReceiveAsync(buffer.AsMemory(length), TestContext.Current.CancellationToken);
            length += received.Count;
        }
        while (!received.EndOfMessage);

        return buffer[..length];
    }
}
