using System.ClientModel;
using System.ClientModel.Primitives;
using System.Diagnostics;
using LlmProxy.EndToEnd.Fixtures;
using OpenAI.Chat;

namespace LlmProxy.EndToEnd.Sdk;

/// <summary>What an app sees through the official client when the proxy, or the upstream, says no.</summary>
public sealed class ErrorTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    private const string ChatPath = "/v1/chat/completions";

    [Fact]
    public async Task An_unknown_token_is_a_401_that_the_client_understands()
    {
        var error = await Assert.ThrowsAsync<ClientResultException>(() => ChatWith("llmp_unknown").CompleteChatAsync("Hello"));

        Assert.Equal(401, error.Status);
        Assert.Contains("invalid_token", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_revoked_token_is_a_401_from_the_next_request_on()
    {
        rig.Upstream.DoesAt(ChatPath, AnswerAsync);
        var token = await rig.Proxy.Management.CreateTokenAsync(rig.Token.ProjectId);
        var chat = ChatWith(token.Secret);
        await chat.CompleteChatAsync("Hello");

        await rig.Proxy.Management.RevokeAsync(token);
        var error = await Assert.ThrowsAsync<ClientResultException>(() => chat.CompleteChatAsync("Hello"));

        Assert.Equal(401, error.Status);
    }

    [Fact]
    public async Task A_spent_token_is_a_429_for_good_and_the_upstream_hears_of_it_no_more()
    {
        var route = rig.Upstream.DoesAt(ChatPath, AnswerAsync);
        var token = await rig.Proxy.Management.CreateTokenAsync(rig.Token.ProjectId, maxRequests: 2);
        var chat = ChatWith(token.Secret);
        await chat.CompleteChatAsync("Hello");
        await chat.CompleteChatAsync("Hello");

        var error = await Assert.ThrowsAsync<ClientResultException>(() => chat.CompleteChatAsync("Hello"));

        var answer = error.GetRawResponse()!;
        Assert.Equal(429, error.Status);
        Assert.Contains("insufficient_quota", error.Message, StringComparison.Ordinal);
        Assert.True(answer.Headers.TryGetValue("x-should-retry", out var retry));
        Assert.Equal("false", retry);
        Assert.False(answer.Headers.TryGetValue("Retry-After", out _));
        Assert.Equal(2, route.Requests.Count);
    }

    [Fact]
    public async Task An_error_of_the_upstream_arrives_as_the_upstream_said_it()
    {
        const string Body = """{"error":{"message":"The model does not exist","type":"invalid_request_error","code":"model_not_found"}}""";
        rig.Upstream.DoesAt(ChatPath, async exchange =>
        {
            await exchange.ReadBodyAsync();
            await exchange.WriteAsync(
                $"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: {Body.Length}\r\n\r\n{Body}");
        });

        var error = await Assert.ThrowsAsync<ClientResultException>(() => ChatWith(rig.Token.Secret).CompleteChatAsync("Hello"));

        Assert.Equal(404, error.Status);
        Assert.Equal(Body, error.GetRawResponse()!.Content.ToString());
    }

    [Fact]
    public async Task The_clients_own_retries_reach_the_upstream_one_for_one()
    {
        var route = rig.Upstream.DoesAt(ChatPath, static async exchange =>
        {
            await exchange.ReadBodyAsync();
            await exchange.WriteAsync("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nRetry-After: 0\r\n\r\n");
        });
        var chat = ProxyBeforeSimulator.ClientOf(
            rig.Proxy, rig.Token.Secret, static options => options.RetryPolicy = new ClientRetryPolicy(maxRetries: 2)).GetChatClient("m");

        await Assert.ThrowsAsync<ClientResultException>(() => chat.CompleteChatAsync("Hello"));

        Assert.Equal(3, route.Requests.Count);
    }

    [Fact]
    public async Task A_cancelled_stream_is_cancelled_at_the_upstream_within_a_tenth_of_a_second()
    {
        var route = rig.Upstream.DoesAt(ChatPath, static async exchange =>
        {
            await exchange.ReadBodyAsync();
            await exchange.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + Event);
            await exchange.WaitUntilGoneAsync();
        });
        var chat = ChatWith(rig.Token.Secret);

        var delays = new List<TimeSpan>();
        while (delays.Count < 5)
        {
            using var cancel = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
            var updates = chat.CompleteChatStreamingAsync([new UserChatMessage("Hello")], cancellationToken: cancel.Token);
            await using var reading = updates.GetAsyncEnumerator(cancel.Token);
            Assert.True(await reading.MoveNextAsync());

            var left = Stopwatch.GetTimestamp();
            await cancel.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await reading.MoveNextAsync());
            delays.Add(Stopwatch.GetElapsedTime(left, await route.Requests.Last().Gone));
        }

        Assert.InRange(delays.Order().ElementAt(2), TimeSpan.Zero, TimeSpan.FromMilliseconds(100));
    }

    private const string Event =
        """data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"}}]}"""
        + "\n\n";

    private const string Completion =
        """{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}""";

    private static async Task AnswerAsync(UpstreamExchange exchange)
    {
        await exchange.ReadBodyAsync();
        await exchange.WriteAsync(
            $"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {Completion.Length}\r\n\r\n{Completion}");
    }

    private ChatClient ChatWith(string secret) => ProxyBeforeSimulator.ClientOf(rig.Proxy, secret).GetChatClient("gpt-4o-mini");
}
