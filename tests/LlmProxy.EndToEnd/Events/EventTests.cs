using System.Globalization;
using LlmProxy.EndToEnd.Fixtures;
using LlmProxy.EndToEnd.Meter;

namespace LlmProxy.EndToEnd.Events;

/// <summary>Each exchange has one event, and it says the truth about it.</summary>
public sealed class EventTests(EventRig rig) : IClassFixture<EventRig>
{
    [Theory]
    [MemberData(nameof(ModelCall.Names), MemberType = typeof(ModelCall))]
    public async Task An_answer_of_a_model_is_recorded_as_it_was_metered(string name)
    {
        var call = ModelCall.Of(name);
        var token = await rig.TokenAsync();

        var (answer, logged) = await call.RunAsync(rig, token, ModelCall.Wish);

        Assert.Equal((200, true), (answer.Status, answer.Body.IsComplete));
        Assert.Equal((200, "served", call.IsStreamed), (logged.Status, logged.Outcome, logged.Is("stream")));
        Assert.Equal((token.Id, token.ProjectId), (logged.TokenId, logged.Text("project_id")));
        Assert.Equal(("openai", call.Operation), (logged.Text("provider"), logged.Text("operation")));
        Assert.Equal(("POST", call.Target), (logged.Text("method"), logged.Text("path")));
        Assert.Equal((call.Model, call.Model), (logged.Text("request_model"), logged.Text("response_model")));
        Assert.Equal(("reported", call.Used), logged.Usage);
        Assert.Equal(ListedPrices.CostOf(call.Used), logged.Text("cost_usd"));
        var row = await RowAsync(token);
        Assert.Equal((Metered.In(row), row.GetProperty("cost_usd").GetString()),
            (logged.Usage?.Used, logged.Text("cost_usd")));
        Assert.Equal(
            (System.Text.Encoding.UTF8.GetByteCount(call.Body), answer.Body.Content.Length),
            (logged.Bytes("request"), logged.Bytes("response")));
        AssertWhole(logged, times: 4);
    }

    [Fact]
    public async Task What_nobody_reported_is_recorded_as_it_was_counted()
    {
        var token = await rig.TokenAsync();

        var (_, logged) = await ModelCall.Of("chat").RunAsync(rig, token, "x-simulator-usage: none");

        var row = await RowAsync(token);
        Assert.Equal("counted", logged.Usage?.Source);
        Assert.NotEqual(0, logged.Usage?.Used.Completion);
        Assert.Equal(Metered.In(row), logged.Usage?.Used);
        Assert.Equal(row.GetProperty("cost_usd").GetString(), logged.Text("cost_usd"));
    }

    [Fact]
    public async Task What_is_wrong_with_a_report_is_recorded()
    {
        var token = await rig.TokenAsync();

        var (_, logged) = await ModelCall.Of("chat").RunAsync(rig, token, "x-simulator-usage: negative");

        Assert.Equal("counted", logged.Usage?.Source);
        Assert.Equal("implausible", Assert.Single(
            logged.Json.GetProperty("usage_faults").EnumerateArray()).GetString());
    }

    [Fact]
    public async Task A_price_that_nobody_knows_is_absent_and_not_nothing()
    {
        var token = await rig.TokenAsync();
        const string Body = """{"model":"nobodys","messages":[{"role":"user","content":"Hello"}]}""";

        var (_, logged) = await rig.ExchangeAsync("POST", "/v1/chat/completions", token.Secret, Body, ModelCall.Wish);

        Assert.Equal(("reported", "nobodys"), (logged.Usage?.Source, logged.Text("response_model")));
        Assert.False(logged.Has("cost_usd"));
    }

    [Fact]
    public async Task A_list_that_came_from_the_cache_was_never_sent()
    {
        var token = await rig.TokenAsync();

        var (_, miss) = await rig.ExchangeAsync("GET", "/v1/models", token.Secret, string.Empty);
        var (answer, hit) = await rig.ExchangeAsync("GET", "/v1/models", token.Secret, string.Empty);

        Assert.Equal((200, "served", "miss"), (miss.Status, miss.Outcome, miss.Text("cache")));
        Assert.Equal((200, "served", "hit"), (hit.Status, hit.Outcome, hit.Text("cache")));
        Assert.Equal((true, false), (miss.Has("sent_at"), hit.Has("sent_at")));
        Assert.Equal(answer.Body.Content.Length, hit.Bytes("response"));
        Assert.All([miss, hit], static logged =>
        {
            Assert.Null(logged.Usage);
            Assert.False(logged.Has("operation"));
        });
        AssertWhole(miss, times: 4);
        AssertWhole(hit, times: 3);
    }

    [Fact]
    public async Task Each_of_those_who_share_a_call_has_an_event_of_its_own()
    {
        var token = await rig.TokenAsync();
        using var release = new SemaphoreSlim(0);
        var route = rig.DoesAt("shared", async exchange =>
        {
            await release.WaitAsync(Eventually.Patience);
            await exchange.AnswerAsync(200, "shared"u8.ToArray(), "Cache-Control: max-age=60");
        });
        var ids = Enumerable.Range(0, 20).Select(_ => EventRig.NewId()).ToArray();

        var asking = ids.Select(
            id => rig.SendAsync(id, "GET", $"/raw{route.Path}", token.Secret, string.Empty)).ToList();
        await Eventually.HoldsAsync(() => route.Requests.Count == 1, "the upstream was asked");
        release.Release(ids.Length);
        var answers = await Task.WhenAll(asking);

        var logged = await Task.WhenAll(ids.Select(rig.EventOfAsync));
        Assert.All(answers, static answer => Assert.Equal("shared", answer?.Body.Text));
        Assert.All(logged, static one => Assert.Equal(
            (200, "served", 6L), (one.Status, one.Outcome, one.Bytes("response"))));
        Assert.Equal(route.Requests.Count, logged.Count(static one => one.Has("sent_at")));
    }

    [Fact]
    public async Task A_client_without_a_token_is_recorded_without_ids()
    {
        var (answer, logged) = await rig.ExchangeAsync("POST", "/v1/chat/completions", "llmp_nothing", "{}");

        Assert.Equal((401, 401, "refused"), (answer.Status, logged.Status, logged.Outcome));
        Assert.Equal("invalid_token", logged.Text("refusal"));
        Assert.False(logged.Has("token_id") || logged.Has("project_id") || logged.Has("sent_at"));
        Assert.False(logged.Has("usage") || logged.Has("cost_usd"));
    }

    [Theory]
    [InlineData("/v1/embeddings", 403, "endpoint_not_allowed")]
    [InlineData("/nothing/at/all", 404, "endpoint_not_found")]
    [InlineData("/v1/chat/completions", 429, "insufficient_quota")]
    public async Task A_refusal_is_recorded_with_its_code(string target, int status, string code)
    {
        var token = await rig.TokenAsync(new TokenLimits
        {
            MaxRequests = 1,
            AllowedEndpoints = ["/v1/chat/completions", "/v1/models"],
        });
        await rig.ExchangeAsync("POST", "/v1/chat/completions", token.Secret, ModelCall.Of("chat").Body);

        var (answer, logged) = await rig.ExchangeAsync("POST", target, token.Secret, "{}");

        Assert.Equal((status, status, "refused"), (answer.Status, logged.Status, logged.Outcome));
        Assert.Equal((code, token.Id), (logged.Text("refusal"), logged.TokenId));
        Assert.False(logged.Has("sent_at"));
        AssertInOrder(logged);
    }

    [Fact]
    public async Task A_revoked_token_is_refused_with_a_reason_that_only_the_event_tells()
    {
        var token = await rig.TokenAsync();
        await rig.Proxy.Management.RevokeAsync(token);

        var (answer, logged) = await rig.ExchangeAsync("GET", "/v1/models", token.Secret, string.Empty);

        Assert.Equal(401, answer.Status);
        Assert.Equal(("refused", "revoked"), (logged.Outcome, logged.Text("reason")));
        Assert.DoesNotContain("revoked", answer.Body.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(429)]
    [InlineData(404)]
    public async Task An_error_of_the_provider_was_served_as_it_is(int status)
    {
        var token = await rig.TokenAsync();
        var fault = string.Create(CultureInfo.InvariantCulture, $"x-simulator-status: {status}");

        var (answer, logged) = await ModelCall.Of("chat").RunAsync(rig, token, fault);

        Assert.Equal((status, status, "served"), (answer.Status, logged.Status, logged.Outcome));
        Assert.False(logged.Has("refusal") || logged.Has("usage") || logged.Has("cost_usd"));
        AssertWhole(logged, times: 4);
    }

    [Fact]
    public async Task A_provider_that_is_away_was_never_sent_anything()
    {
        var token = await rig.TokenAsync();

        var (answer, logged) = await rig.ExchangeAsync("POST", "/away/v1/chat/completions", token.Secret, "{}");

        Assert.Equal((502, 502, "refused"), (answer.Status, logged.Status, logged.Outcome));
        Assert.Equal(("away", "upstream_unreachable"), (logged.Text("provider"), logged.Text("refusal")));
        Assert.False(logged.Has("sent_at"));
        AssertInOrder(logged);
    }

    /// <summary>Counted when the file is complete, so that no later one is missed.</summary>
    [Fact]
    public async Task There_are_as_many_events_as_exchanges()
    {
        await using var own = await EventRig.StartAsync();
        var token = await own.TokenAsync();
        List<string> ids = [];
        foreach (var call in ModelCall.Names.Select(static name => ModelCall.Of(name.Data)))
        {
            await SendAsync("POST", call.Target, token.Secret, call.Body, ModelCall.Version);
            await SendAsync("POST", call.Target, token.Secret, call.Body, "x-simulator-cut-after-bytes: 10");
            await SendAsync("POST", call.Target, token.Secret, call.Body, "x-simulator-cut-before-headers: true");
            await SendAsync("POST", call.Target, token.Secret, call.Body, "x-simulator-status: 503");
            await SendAsync("POST", "/away" + call.Target, token.Secret, call.Body);
            await SendAsync("POST", call.Target, "nobodys-token", call.Body);
            await SendAsync("POST", "/nowhere", token.Secret, call.Body);
            await SendAsync("GET", "/v1/models", token.Secret, string.Empty);
        }

        Assert.Equal(0, (await own.Proxy.StopAsync()).ExitCode);

        Assert.Equal(
            ids.Order(StringComparer.Ordinal),
            own.Log.Read().Select(static logged => logged.RequestId).Order(StringComparer.Ordinal));

        Task<RawAnswer?> SendAsync(string method, string target, string secret, string body, params string[] lines)
        {
            ids.Add(EventRig.NewId());
            return own.SendAsync(ids[^1], method, target, secret, body, lines);
        }
    }

    private async Task<System.Text.Json.JsonElement> RowAsync(IssuedToken token)
    {
        var answer = await rig.Proxy.Management.SendAsync("GET", $"/manage/usage?token_id={token.Id}");
        Assert.Equal(200, answer.Status);
        return Assert.Single(answer.Json.GetProperty("data").EnumerateArray());
    }

    private static void AssertWhole(LoggedEvent logged, int times)
    {
        Assert.False(logged.Has("refusal") || logged.Is("aborted") || logged.Is("truncated"));
        Assert.Equal("127.0.0.0/24", logged.Text("client_ip"));
        Assert.Equal(times, logged.Times.Count);
        AssertInOrder(logged);
    }

    private static void AssertInOrder(LoggedEvent logged)
    {
        Assert.Equal(logged.Times.Order(), logged.Times);
        var took = (logged.Times[^1] - logged.Times[0]).TotalMilliseconds;
        Assert.Equal(took, logged.Json.GetProperty("duration_ms").GetDouble(), tolerance: 1);
    }
}
