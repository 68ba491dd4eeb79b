using System.ClientModel;
using System.ClientModel.Primitives;
using System.Diagnostics;
using LlmProxy.EndToEnd.Fixtures;
using OpenAI.Chat;

namespace LlmProxy.EndToEnd.Sdk;

/// <summary>What an app sees, and what the official client does by itself, when a limit is reached.</summary>
public sealed class LimitTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    private const string ChatPath = "/v1/chat/completions";

    [Fact]
    public async Task A_spent_limit_is_an_exception_that_says_which_one_and_that_retries_are_in_vain()
    {
        var attempts = new Attempts();
        var chat = await ChatAsync(new TokenLimits { MaxTokens = 10 }, attempts, retries: 0);

        var error = await Assert.ThrowsAsync<ClientResultException>(() => chat.CompleteChatAsync("Hello"));

        Assert.Equal(429, error.Status);
        Assert.Contains("insufficient_quota", error.Message, StringComparison.Ordinal);
        Assert.Contains("The token has a limit of 10 tokens: 0 tokens used.", error.Message, StringComparison.Ordinal);
        Assert.True(error.GetRawResponse()!.Headers.TryGetValue("x-should-retry", out var retry));
        Assert.Equal("false", retry);
        Assert.Equal(1, attempts.Count);
    }

    /// <summary>
    /// The clients for Python and JavaScript obey <c>x-should-retry: false</c>; this one (System.ClientModel) does not
    /// look at it and retries every 429. It costs time, and nothing else.
    /// </summary>
    [Fact]
    public async Task The_NET_client_retries_in_vain_all_the_same_and_nothing_of_it_arrives_or_counts()
    {
        var route = rig.Upstream.DoesAt(ChatPath, AnswerAsync);
        var attempts = new Attempts();
        var token = await rig.Proxy.Management.CreateTokenAsync(new TokenLimits { MaxTokens = 10 });

        await Assert.ThrowsAsync<ClientResultException>(
            () => ChatWith(token.Secret, attempts, retries: 1).CompleteChatAsync("Hello"));

        Assert.Equal(2, attempts.Count);
        Assert.Empty(route.Requests);
        Assert.Equal(0, await rig.Proxy.Management.RequestCountAsync(token));
    }

    [Fact]
    public async Task A_minute_that_is_used_up_is_waited_for_as_long_as_the_proxy_says()
    {
        var route = rig.Upstream.DoesAt(ChatPath, AnswerAsync);
        var free = rig.Upstream.Answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        var token = await rig.Proxy.Management.CreateTokenAsync(new TokenLimits { RequestsPerMinute = 20 });
        await Eventually.AnswersAsync(
            () => rig.Proxy.GetAsync(free.Path, token.Secret),
            static answer => answer.Status == 429, "the minute's worth is used up");
        var attempts = new Attempts();
        var chat = ChatWith(token.Secret, attempts, retries: 3);

        await chat.CompleteChatAsync("Hello");

        Assert.Equal(2, attempts.Count);
        Assert.InRange(attempts.Waits.Single(), TimeSpan.FromSeconds(0.95), TimeSpan.FromSeconds(5));
        Assert.Single(route.Requests);
    }

    [Fact]
    public async Task A_place_that_is_taken_is_asked_for_again_until_it_is_free()
    {
        var hanging = rig.Upstream.Does(static exchange => exchange.WaitUntilGoneAsync());
        var route = rig.Upstream.DoesAt(ChatPath, AnswerAsync);
        var token = await rig.Proxy.Management.CreateTokenAsync(new TokenLimits { MaxConcurrent = 1 });
        await using var client = await rig.ConnectAsync();
        await client.SendAsync(rig.Proxy.Head("GET", hanging.Path, token.Secret));
        await Eventually.HoldsAsync(() => hanging.Requests.Count == 1, "the place is taken");
        var attempts = new Attempts(afterFirst: client.Reset);
        var chat = ChatWith(token.Secret, attempts, retries: 3);

        await chat.CompleteChatAsync("Hello");

        Assert.InRange(attempts.Count, 2, 3);
        Assert.All(attempts.Waits, static wait => Assert.InRange(wait, TimeSpan.FromSeconds(0.95), TimeSpan.MaxValue));
        Assert.Single(route.Requests);
    }

    private async Task<ChatClient> ChatAsync(TokenLimits limits, Attempts attempts, int retries) =>
        ChatWith((await rig.Proxy.Management.CreateTokenAsync(limits)).Secret, attempts, retries);

    private ChatClient ChatWith(string secret, Attempts attempts, int retries) => ProxyBeforeSimulator.ClientOf(
        rig.Proxy, secret, options =>
        {
            options.RetryPolicy = new ClientRetryPolicy(retries);
            options.AddPolicy(attempts, PipelinePosition.PerTry);
        }).GetChatClient("gpt-4o-mini");

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

    /// <summary>Sees each try of the client, and how long it waited between two.</summary>
    private sealed class Attempts(Action? afterFirst = null) : PipelinePolicy
    {
        private readonly List<TimeSpan> _waits = [];
        private long _answered;

        public int Count { get; private set; }

        public IReadOnlyList<TimeSpan> Waits => _waits;

        public override void Process(
            PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex) =>
            throw new NotSupportedException();

        public override async ValueTask ProcessAsync(
            PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
        {
            if (++Count > 1)
            {
                _waits.Add(Stopwatch.GetElapsedTime(_answered));
            }

            await ProcessNextAsync(message, pipeline, currentIndex);
            _answered = Stopwatch.GetTimestamp();
            if (Count == 1)
            {
                afterFirst?.Invoke();
            }
        }
    }
}
