using System.Net.WebSockets;
using System.Text.Json;
using LlmProxy.EndToEnd.Fixtures;
using LlmProxy.EndToEnd.Meter;

namespace LlmProxy.EndToEnd.Events;

/// <summary>Exchanges that end before their end, and those that never were one request and one answer.</summary>
public sealed class BrokenExchangeTests(EventRig rig) : IClassFixture<EventRig>
{
    private const string StreamHead =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

    [Fact]
    public async Task A_client_that_leaves_a_stream_has_aborted_it()
    {
        var token = await rig.TokenAsync();
        var (id, route) = (EventRig.NewId(), EndlessStream());
        await using var client = await RawClient.ConnectAsync(rig.Proxy.Address);
        await client.SendAsync(rig.Head(id, "POST", $"/raw{route.Path}", token.Secret, string.Empty));
        await client.ReadHeadAsync();
        await client.ReadAtLeastAsync(1);

        client.Reset();
        var logged = await rig.EventOfAsync(id);

        Assert.Equal((200, "client_gone", true, false),
            (logged.Status, logged.Outcome, logged.Is("aborted"), logged.Is("truncated")));
        Assert.Equal((true, 9L), (logged.Is("stream"), logged.Bytes("response")));
        AssertInOrder(logged, times: 4);
    }

    [Fact]
    public async Task A_client_that_leaves_before_any_answer_was_answered_nothing()
    {
        var token = await rig.TokenAsync();
        var (id, route) = (EventRig.NewId(), rig.DoesAt("silent", static exchange => exchange.WaitUntilGoneAsync()));
        await using var client = await RawClient.ConnectAsync(rig.Proxy.Address);
        await client.SendAsync(rig.Head(id, "POST", $"/raw{route.Path}", token.Secret, string.Empty));
        await Eventually.HoldsAsync(() => route.Requests.Count == 1, "the upstream was asked");

        client.Reset();
        var logged = await rig.EventOfAsync(id);

        Assert.Equal((0, "client_gone", true), (logged.Status, logged.Outcome, logged.Is("aborted")));
        Assert.False(logged.Has("first_byte_at") || logged.Has("refusal"));
        AssertInOrder(logged, times: 3);
    }

    [Theory]
    [InlineData("chat stream", "x-simulator-cut-after-events: 5")]
    [InlineData("chat", "x-simulator-cut-after-bytes: 40")]
    public async Task An_answer_that_breaks_off_is_truncated(string name, string fault)
    {
        var token = await rig.TokenAsync();
        var call = ModelCall.Of(name);
        var id = EventRig.NewId();

        var answer = await rig.SendAsync(id, "POST", call.Target, token.Secret, call.Body, fault);
        var logged = await rig.EventOfAsync(id);

        Assert.Equal((200, false), (answer?.Status, answer?.Body.IsComplete));
        Assert.Equal((200, "truncated", true, false),
            (logged.Status, logged.Outcome, logged.Is("truncated"), logged.Is("aborted")));
        Assert.Equal(answer!.Body.Content.Length, logged.Bytes("response"));
        AssertInOrder(logged, times: 4);
    }

    [Fact]
    public async Task A_stream_whose_token_is_revoked_is_recorded_as_that()
    {
        var token = await rig.TokenAsync();
        var (id, route) = (EventRig.NewId(), EndlessStream());
        await using var client = await RawClient.ConnectAsync(rig.Proxy.Address);
        await client.SendAsync(rig.Head(id, "POST", $"/raw{route.Path}", token.Secret, string.Empty));
        var (head, _) = await client.ReadHeadAsync();

        await rig.Proxy.Management.RevokeAsync(token);
        await client.ReadBodyAsync(head!);
        var logged = await rig.EventOfAsync(id);

        Assert.Equal((200, "revoked", true, false),
            (logged.Status, logged.Outcome, logged.Is("truncated"), logged.Is("aborted")));
        Assert.Equal(token.Id, logged.TokenId);
        AssertInOrder(logged, times: 4);
    }

    [Fact]
    public async Task A_session_over_a_WebSocket_is_one_exchange()
    {
        var token = await rig.TokenAsync();
        var id = EventRig.NewId();
        using (var socket = new ClientWebSocket())
        {
            socket.Options.SetRequestHeader("Authorization", $"Bearer {token.Secret}");
            socket.Options.SetRequestHeader("X-Request-ID", id);
            await socket.ConnectAsync(
                new Uri($"ws://{rig.Proxy.Address.Authority}/v1/realtime?model=gpt-realtime"),
                TestContext.Current.CancellationToken);
            await RespondAsync(socket, "prompt=100,completion=20,cached=30");
            await RespondAsync(socket, "prompt=200,completion=40,audio_in=50");
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "done", TestContext.Current.CancellationToken);
        }

        var logged = await rig.EventOfAsync(id);

        var used = new Metered(300, 60, Cached: 30, AudioPrompt: 50);
        Assert.Equal((101, "served"), (logged.Status, logged.Outcome));
        Assert.Equal(("reported", used), logged.Usage);
        Assert.Equal(ListedPrices.CostOf(used), logged.Text("cost_usd"));
        Assert.Equal("/v1/realtime", logged.Text("path"));
        Assert.True(logged.Bytes("request") > 0 && logged.Bytes("response") > 0);
        AssertInOrder(logged, times: 4);
    }

    private UpstreamRoute EndlessStream() => rig.DoesAt("endless", static async exchange =>
    {
        await exchange.ReadBodyAsync();
        await exchange.WriteAsync(StreamHead);
        await exchange.WriteAsync("9\r\ndata: 1\n\n\r\n");
        await exchange.WaitUntilGoneAsync();
    });

    /// <summary>Asks for an answer that uses so much, and reads up to its end.</summary>
    private static async Task RespondAsync(ClientWebSocket socket, string usage)
    {
        var stop = TestContext.Current.CancellationToken;
        var ask = JsonSerializer.SerializeToUtf8Bytes(
            new { type = "response.create", response = new { metadata = new { usage } } });
        await socket.SendAsync(ask, WebSocketMessageType.Text, true, stop);
        var buffer = new byte[64 * 1024];
        while (true)
        {
            var length = 0;
            ValueWebSocketReceiveResult part;
            do
            {
                part = await socket.ReceiveAsync(buffer.AsMemory(length), stop)
                    .AsTask().WaitAsync(Eventually.Patience, stop);
                length += part.Count;
            }
            while (!part.EndOfMessage);
            using var message = JsonDocument.Parse(buffer.AsMemory(0, length));
            if (message.RootElement.GetProperty("type").GetString() == "response.done")
            {
                return;
            }
        }
    }

    private static void AssertInOrder(LoggedEvent logged, int times)
    {
        Assert.Equal(times, logged.Times.Count);
        Assert.Equal(logged.Times.Order(), logged.Times);
    }
}
