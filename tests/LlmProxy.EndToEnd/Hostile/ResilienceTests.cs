using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Hostile;

/// <summary>
/// A provider that fails: it is asked again only where that is harmless, and not asked at all for a while when it fails
/// nearly always.
/// </summary>
public sealed class ResilienceTests : IAsyncLifetime
{
    private const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    private const string Failure = "HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n";
    private const string Unauthorized = "HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n";
    private const int MinimumRequests = 10;

    private readonly TempFolder _folder = new();
    private readonly RawUpstream _upstream = new();
    private ProxyProcess _proxy = null!;
    private IssuedToken _token = null!;

    public async ValueTask InitializeAsync()
    {
        _proxy = await ProxyProcess.StartAsync(_folder, new ProxySetup
        {
            ProviderYaml = ProviderYaml.For(
                _upstream.Address,
                "resilience:",
                "  circuit_breaker: {failure_percent: 50, minimum_requests: 10, sampling: 30s, break: 1s}",
                "  retries: {max: 1, budget_percent: 10, statuses: [503]}"),
            Settings = [("HTTP_CACHE_ENABLED", "false")],
        });
        _token = await _proxy.Management.CreateTokenAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _proxy.DisposeAsync();
        await _upstream.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_provider_that_fails_nearly_always_is_not_asked_for_a_while_and_then_tried_with_one_request()
    {
        var isWell = false;
        var route = _upstream.Does(async exchange =>
        {
            await exchange.ReadBodyAsync();
            await exchange.WriteAsync(Volatile.Read(ref isWell) ? Ok : Failure);
        });
        await AskAsync(route, _token, MinimumRequests);

        var suspended = await _proxy.GetAsync(route.Path, _token.Secret);
        Volatile.Write(ref isWell, true);
        var served = await Eventually.AnswersAsync(
            () => _proxy.GetAsync(route.Path, _token.Secret), static answer => answer.Status == 200,
            "it was tried again");

        Assert.Equal(503, suspended.Status);
        Assert.Contains("\"upstream_suspended\"", suspended.Body.Text, StringComparison.Ordinal);
        Assert.Equal("1", suspended.Head.Value("Retry-After"));
        Assert.Equal(MinimumRequests + 1, route.Requests.Count);
        Assert.Equal("ok", served.Body.Text);
    }

    [Fact]
    public async Task The_failures_of_one_projects_key_suspend_no_other_project()
    {
        var route = _upstream.Answers(Failure);
        var other = await _proxy.Management.CreateTokenAsync();
        await AskAsync(route, _token, MinimumRequests);

        var ofOther = await _proxy.GetAsync(route.Path, other.Secret);

        Assert.Equal(503, (await _proxy.GetAsync(route.Path, _token.Secret)).Status);
        Assert.Equal(500, ofOther.Status);
    }

    [Fact]
    public async Task What_a_client_may_not_do_is_no_failure_of_the_provider()
    {
        var refused = _upstream.Answers(Unauthorized);
        await AskAsync(refused, _token, 5 * MinimumRequests);
        for (var i = 0; i < 5 * MinimumRequests; i++)
        {
            Assert.Equal(404, (await _proxy.GetAsync("/nowhere", _token.Secret)).Status);
        }

        Assert.Equal(401, (await _proxy.GetAsync(refused.Path, _token.Secret)).Status);
        Assert.Equal((5 * MinimumRequests) + 1, refused.Requests.Count);
    }

    [Fact]
    public async Task A_request_that_may_be_repeated_is_asked_again_when_the_connection_breaks()
    {
        var route = FailsFirst(static exchange => exchange.Reset());

        var answer = await _proxy.GetAsync(route.Path, _token.Secret);

        Assert.Equal(200, answer.Status);
        Assert.Equal(2, route.Requests.Count);
    }

    [Fact]
    public async Task A_request_that_may_be_repeated_is_asked_again_after_a_status_that_is_listed()
    {
        var asked = 0;
        var route = _upstream.Does(async exchange =>
        {
            await exchange.ReadBodyAsync();
            await exchange.WriteAsync(asked++ == 0 ? "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n" : Ok);
        });

        Assert.Equal(200, (await _proxy.GetAsync(route.Path, _token.Secret)).Status);
        Assert.Equal(2, route.Requests.Count);
    }

    [Fact]
    public async Task An_answer_that_says_when_to_come_back_is_passed_on()
    {
        var route = _upstream.Answers("HTTP/1.1 503 X\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");

        var answer = await _proxy.GetAsync(route.Path, _token.Secret);

        Assert.Equal("7", answer.Head.Value("Retry-After"));
        Assert.Single(route.Requests);
    }

    [Fact]
    public async Task A_post_is_never_asked_again_once_it_was_sent()
    {
        var route = _upstream.Does(static async exchange =>
        {
            await exchange.ReadBodyAsync();
            exchange.Reset();
        });

        Assert.Equal(502, (await _proxy.PostAsync(route.Path, _token.Secret, "{}")).Status);
        Assert.Single(route.Requests);
    }

    [Fact]
    public async Task Retries_are_a_small_share_of_all_requests()
    {
        // A quarter fails, so no circuit opens; the stock is ten, and every request earns a tenth.
        const int requests = 200;
        var asked = 0;
        var route = _upstream.Does(async exchange =>
        {
            await exchange.ReadBodyAsync();
            await exchange.WriteAsync(asked++ % 4 == 0 ? "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n" : Ok);
        });
        await AskAsync(route, _token, requests);

        Assert.InRange(route.Requests.Count, requests + 5, requests + 10 + (requests / 10));
    }

    private UpstreamRoute FailsFirst(Action<UpstreamExchange> fail)
    {
        var asked = 0;
        return _upstream.Does(async exchange =>
        {
            await exchange.ReadBodyAsync();
            if (asked++ == 0)
            {
                fail(exchange);
                return;
            }

            await exchange.WriteAsync(Ok);
        });
    }

    private async Task AskAsync(UpstreamRoute route, IssuedToken token, int times)
    {
        for (var i = 0; i < times; i++)
        {
            await _proxy.GetAsync(route.Path, token.Secret);
        }
    }
}
