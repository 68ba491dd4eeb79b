using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Transparency;

/// <summary>WebSockets through <c>/v1/realtime</c>: after the upgrade the proxy is a wire.</summary>
public sealed class UpgradeTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    private const string Realtime = "/v1/realtime";

    [Fact]
    public async Task Messages_pass_in_both_directions_and_so_does_the_closing()
    {
        var route = rig.Upstream.DoesAt(Realtime, EchoAsync);
        using var socket = await ConnectAsync();

        foreach (var text in new[] { "hello", "", new string('x', 200_000) })
        {
            var message = Encoding.UTF8.GetBytes(text);
            await socket.SendAsync(message, WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
            Assert.Equal(text, await ReceiveAsync(socket));
        }

        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "done", TestContext.Current.CancellationToken);

        Assert.Equal(WebSocketState.Closed, socket.State);
        Assert.Equal("echo of done", socket.CloseStatusDescription);
        Assert.Equal($"Bearer {ProxyBeforeRawUpstream.ProviderKey}", route.Request.Head.Value("Authorization"));
        Assert.Equal("?model=gpt-realtime", route.Request.Target[Realtime.Length..]);
    }

    [Fact]
    public async Task The_upstream_may_speak_first_and_leave_first()
    {
        rig.Upstream.DoesAt(Realtime, static async exchange =>
        {
            await AcceptAsync(exchange);
            await exchange.WriteAsync("\u0081\u0005hello"); // A text frame of five characters.
            exchange.Close();
        });
        using var socket = await ConnectAsync();

        Assert.Equal("hello", await ReceiveAsync(socket));
        await Assert.ThrowsAsync<WebSocketException>(() => ReceiveAsync(socket));
    }

    [Fact]
    public async Task The_upstream_notices_that_the_client_is_gone()
    {
        var route = rig.Upstream.DoesAt(Realtime, static async exchange =>
        {
            await AcceptAsync(exchange);
            await exchange.WaitUntilGoneAsync();
        });
        var socket = await ConnectAsync();

        socket.Abort();

        Assert.True(await route.Request.Gone > 0);
    }

    [Fact]
    public async Task An_upgrade_that_the_upstream_refuses_is_a_plain_answer()
    {
        rig.Upstream.DoesAt(Realtime, static exchange =>
            exchange.WriteAsync("HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\ndenied"));

        var answer = await rig.GetAsync(Realtime, "Connection: Upgrade", "Upgrade: websocket",
            "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==");

        Assert.Equal(403, answer.Status);
        Assert.Equal("denied", answer.Body.Text);
    }

    [Fact]
    public async Task An_upgrade_without_a_token_never_reaches_the_upstream()
    {
        var route = rig.Upstream.DoesAt(Realtime, EchoAsync);

        var answer = await rig.SendAsync(
            $"GET {Realtime} HTTP/1.1\r\nHost: {rig.Authority}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");

        Assert.Equal(401, answer?.Status);
        Assert.Empty(route.Requests);
    }

    [Fact]
    public async Task A_revoked_token_ends_a_running_socket_within_a_second()
    {
        var route = rig.Upstream.DoesAt(Realtime, static async exchange =>
        {
            await AcceptAsync(exchange);
            await exchange.WaitUntilGoneAsync();
        });
        var token = await rig.Proxy.Management.CreateTokenAsync(rig.Token.ProjectId);
        using var socket = await ConnectAsync(token.Secret);

        await rig.Proxy.Management.RevokeAsync(token);

        var ending = ReceiveAsync(socket).WaitAsync(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<WebSocketException>(() => ending);
        Assert.True(await route.Request.Gone > 0);
    }

    private async Task<ClientWebSocket> ConnectAsync(string? secret = null)
    {
        var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", $"Bearer {secret ?? rig.Token.Secret}");
        var address = new Uri($"ws://{rig.Authority}{Realtime}?model=gpt-realtime");
        await socket.ConnectAsync(address, TestContext.Current.CancellationToken);
        return socket;
    }

    private static async Task<string> ReceiveAsync(WebSocket socket)
    {
        var message = new List<byte>();
        var buffer = new byte[16 * 1024];
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer, TestContext.Current.CancellationToken);
            message.AddRange(buffer.AsSpan(0, part.Count));
            if (part.EndOfMessage)
            {
                return Encoding.UTF8.GetString([.. message]);
            }
        }
    }

    private static async Task AcceptAsync(UpstreamExchange exchange)
    {
        // The constant is RFC 6455 §1.3's, and so is the use of SHA-1, which protects nothing here.
        var key = exchange.Head.Value("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
#pragma warning disable CA5350 // RFC 6455 demands SHA-1.
        var accept = Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key)));
#pragma warning restore CA5350
        await exchange.WriteAsync(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            + $"Sec-WebSocket-Accept: {accept}\r\n\r\n");
    }

    private static async Task EchoAsync(UpstreamExchange exchange)
    {
        await AcceptAsync(exchange);
        using var socket = exchange.BecomeWebSocket();
        var buffer = new byte[16 * 1024];
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer, CancellationToken.None);
            if (part.MessageType == WebSocketMessageType.Close)
            {
                await socket.CloseAsync(
                    part.CloseStatus!.Value, $"echo of {part.CloseStatusDescription}", CancellationToken.None);
                return;
            }

            var echo = buffer.AsMemory(0, part.Count);
            await socket.SendAsync(echo, part.MessageType, part.EndOfMessage, CancellationToken.None);
        }
    }
}
