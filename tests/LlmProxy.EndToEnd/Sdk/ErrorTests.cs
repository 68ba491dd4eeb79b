using System.ClientModel;
using System.ClientModel.Primitives;
using System.Diagnostics;
using System.Text;
using LlmProxy.EndToEnd.Fixtures;
using OpenAI.Chat;

namespace LlmProxy.EndToEnd.Sdk;

/// <summary>What an app sees through the official client when the proxy, or the upstream, says no.</summary>
public sealed class ErrorTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    private const string ChatPath = "/v1/chat/completions";

    private const string Event =
        """data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":["""
        + """{"index":0,"delta":{"role":"assistant","content":"Hi"}}]}""" + "\n\n";

    [Fact]
    public async Task An_unknown_token_is_a_401_that_the_client_understands()
    {
        var error = await RefusedAsync(ChatWith("llmp_unknown"));

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
        var error = await RefusedAsync(chat);

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

        var error = await RefusedAsync(chat);

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
        const string Body = """{"error":{"message":"No model","type":"invalid_request_error","code":"no_model"}}""";
        rig.Upstream.DoesAt(ChatPath, static exchange =>
            exchange.AnswerAsync(404, Encoding.UTF8.GetBytes(Body), "Content-Type: application/json"));

        var error = await RefusedAsync(ChatWith(rig.Token.Secret));

        Assert.Equal(404, error.Status);
        Assert.Equal(Body, error.GetRawResponse()!.Content.ToString());
    }

    [Fact]
    public async Task The_clients_own_retries_reach_the_upstream_one_for_one()
    {
        var route = rig.Upstream.DoesAt(
            ChatPath, static exchange => exchange.AnswerAsync(503, ReadOnlyMemory<byte>.Empty, "Retry-After: 0"));
        var client = ProxyBeforeSimulator.ClientOf(
            rig.Proxy, rig.Token.Secret, static options => options.RetryPolicy = new ClientRetryPolicy(maxRetries: 2));
        var chat = client.GetChatClient("gpt-4o-mini");

        await RefusedAsync(chat);

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
            var updates = chat.CompleteChatStreamingAsync(
                [new UserChatMessage("Hello")], cancellationToken: cancel.Token);
            await using var reading = updates.GetAsyncEnumerator(cancel.Token);
            Assert.True(await reading.MoveNextAsync());

            // Whoever cancels while nothing is being read makes .NET's own client drain the answer for two seconds.
            var next = reading.MoveNextAsync().AsTask();
            var left = Stopwatch.GetTimestamp();
            await cancel.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => next);
            delays.Add(Stopwatch.GetElapsedTime(left, await route.Requests.Last().Gone));
        }

        Assert.InRange(delays.Order().ElementAt(2), TimeSpan.Zero, TimeSpan.FromMilliseconds(100));
    }

    private static Task AnswerAsync(UpstreamExchange exchange) => exchange.AnswerAsync(
        200,
        """
        {
          "id": "1", "object": "chat.completion", "created": 1, "model": "m",
          "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": "Hi" } }],
          "usage": { "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2 }
        }
        """u8.ToArray(),
        "Content-Type: application/json");

    private static Task<ClientResultException> RefusedAsync(ChatClient chat) =>
        Assert.ThrowsAsync<ClientResultException>(() => chat.CompleteChatAsync("Hello"));

    private ChatClient ChatWith(string secret) =>
        ProxyBeforeSimulator.ClientOf(rig.Proxy, secret).GetChatClient("gpt-4o-mini");
}
