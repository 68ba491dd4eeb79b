namespace LlmProxy.EndToEnd.Fixtures;

/// <summary>How a request is refused.</summary>
internal sealed record Refused(int Status, string Code, string? Param);

/// <summary>
/// A kind of limit, how one comes to a token that it refuses, and which operations it concerns: the rule that
/// SurfaceTests holds every published operation against.
/// </summary>
internal static class LimitKind
{
    // Paths that a chat and an embedding may have too: the spending is not counted among the arrivals.
    private const string Chat = "/v1/spent/chat/completions";
    private const string Embedding = "/v1/spent/embeddings";

    /// <summary>
    /// Null for what passes. Time, requests and pace concern everything, and so do lists of endpoints and origins. A
    /// list of models concerns what runs a model; tokens and money concern what spends them, and what may spend them
    /// unseen is refused whatever is left.
    /// </summary>
    public static Refused? RefusalOf(string kind, PublishedOperation operation) => kind switch
    {
        "expires_at" => new(401, "invalid_token", null),
        "max_requests" => new(429, "insufficient_quota", "token.max_requests"),
        "requests_per_minute" => new(429, "rate_limit_exceeded", "token.requests_per_minute"),
        "max_concurrent" => new(429, "rate_limit_exceeded", "token.max_concurrent"),
        "allowed_endpoints" => new(403, "endpoint_not_allowed", null),
        "allowed_origins" => new(403, "origin_not_allowed", null),
        "allowed_models" => operation.Model == "none" ? null : new(403, "model_not_allowed", "model"),
        "max_tokens" => Spending(operation, new(429, "insufficient_quota", "token.max_tokens")),
        "tokens_per_minute" => Spending(operation, new(429, "rate_limit_exceeded", "token.tokens_per_minute")),
        "max_cost_usd" => Spending(operation, new(429, "insufficient_quota", "token.max_cost_usd")),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "No such limit."),
    };

    /// <summary>A token of which the limit of this kind is used up, or which it never lets through.</summary>
    public static async Task<string> TokenWithoutAsync(this ProxyBeforeRawUpstream rig, string kind) => kind switch
    {
        "expires_at" => await ExpiredAsync(rig),
        "max_requests" => await SpentAsync(rig, new() { MaxRequests = 1 }),
        "requests_per_minute" => await SpentAsync(rig, new() { RequestsPerMinute = 1 }),
        "max_concurrent" => await BusyAsync(rig),
        "max_tokens" => await SpentAsync(rig, new() { MaxTokens = 100 }),
        "tokens_per_minute" => await SpentAsync(rig, new() { TokensPerMinute = 100 }),
        "max_cost_usd" => await SpentAsync(rig, new() { MaxCostUsd = 0.0001m }),
        "allowed_models" => await FreshAsync(rig, new() { AllowedModels = ["another-model", "gpt-4o"] }),
        "allowed_endpoints" => await FreshAsync(rig, new() { AllowedEndpoints = ["/v1/somewhere/else"] }),
        "allowed_origins" => await FreshAsync(rig, new() { AllowedOrigins = ["https://app.example.com"] }),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "No such limit."),
    };

    private static Refused? Spending(PublishedOperation operation, Refused refused) => operation.Metering switch
    {
        "free" => null,
        "opaque" => new(403, "usage_not_measurable", null),
        _ => refused,
    };

    private static async Task<string> FreshAsync(ProxyBeforeRawUpstream rig, TokenLimits limits) =>
        (await rig.Proxy.Management.CreateTokenAsync(rig.Token.ProjectId, limits)).Secret;

    /// <summary>One chat that uses 300 tokens, more than was foreseen, and more than any limit above.</summary>
    private static async Task<string> SpentAsync(ProxyBeforeRawUpstream rig, TokenLimits limits)
    {
        rig.Upstream.DoesAt(Chat, AnswerAsync);
        rig.Upstream.DoesAt(Embedding, AnswerAsync);
        var secret = await FreshAsync(rig, limits);
        var answer = await rig.Proxy.PostAsync(
            Chat, secret, """{"model":"gpt-4o-mini","max_tokens":50,"messages":[{"role":"user","content":"Hi"}]}""");
        Assert.True(answer.Status == 200, answer.Body.Text);

        // It is counted a moment after its last byte, and what was not foreseen of it with the next write to the store.
        await Eventually.AnswersAsync(
            () => rig.Proxy.PostAsync(Embedding, secret, """{"model":"gpt-4o-mini","input":"Hi"}"""),
            static next => next.Status == 429, "even the smallest request is refused");
        return secret;
    }

    private static Task AnswerAsync(UpstreamExchange exchange) => exchange.AnswerAsync(
        200,
        """{"usage":{"prompt_tokens":100,"completion_tokens":200,"total_tokens":300} }"""u8.ToArray(),
        "Content-Type: application/json");

    private static async Task<string> BusyAsync(ProxyBeforeRawUpstream rig)
    {
        var hanging = rig.Upstream.Does(static exchange => exchange.WaitUntilGoneAsync());
        var secret = await FreshAsync(rig, new() { MaxConcurrent = 1 });
        var client = await rig.ConnectAsync();
        rig.Disposables.Add(client);
        await client.SendAsync(rig.Proxy.Head("GET", hanging.Path, secret));
        await Eventually.HoldsAsync(() => hanging.Requests.Count == 1, "the request that stays is there");
        return secret;
    }

    private static async Task<string> ExpiredAsync(ProxyBeforeRawUpstream rig)
    {
        var token = await rig.Proxy.Management.CreateExpiringTokenAsync(TimeSpan.FromSeconds(1));
        await Eventually.AnswersAsync(
            () => rig.Proxy.GetAsync("/v1/models", token.Secret),
            static answer => answer.Status == 401, "the token has expired");
        return token.Secret;
    }
}
