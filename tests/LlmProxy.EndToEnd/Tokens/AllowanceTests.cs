using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Tokens;

/// <summary>The meter is exact: whatever happens to the clients or to the proxy, no limit is ever exceeded.</summary>
public sealed class AllowanceTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    private const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    [Fact]
    public async Task Five_hundred_clients_at_once_get_exactly_the_hundred_requests_there_are()
    {
        const int Limit = 100;
        var route = rig.Upstream.Answers(Ok);
        var token = await rig.Proxy.Management.CreateTokenAsync(rig.Token.ProjectId, Limit);

        var statuses = await Task.WhenAll(
            Enumerable.Range(0, 500).Select(_ => StatusAsync(rig.Proxy, token, route.Path)));

        Assert.Equal(Limit, statuses.Count(static status => status == 200));
        Assert.Equal(500 - Limit, statuses.Count(static status => status == 429));
        Assert.Equal(Limit, route.Requests.Count);
        Assert.Equal(Limit, await rig.Proxy.Management.RequestCountAsync(token));
    }

    [Fact]
    public async Task Five_hundred_clients_that_come_and_go_never_get_more_than_the_hundred_requests_there_are()
    {
        const int Limit = 100;
        var dice = Dice.Throw();
        var route = rig.Upstream.Answers(Ok);
        var token = await rig.Proxy.Management.CreateTokenAsync(rig.Token.ProjectId, Limit);

        var leavers = 0;
        await Task.WhenAll(Enumerable.Range(0, 500).Select(async _ =>
        {
            var leaves = dice.OneIn(10);
            leavers += leaves ? 1 : 0;
            await using var client = await rig.ConnectAsync();
            await client.SendAsync(rig.Proxy.Head("GET", route.Path, token.Secret));
            if (!leaves)
            {
                Assert.True((await client.ReadAnswerAsync())?.Status is 200 or 429);
            }
        }));
        await SpendTheRestAsync(rig.Proxy, token, route);

        // Whoever leaves just when the request is sent on has spent it, whether or not the upstream came to see it.
        Assert.InRange(route.Requests.Count, Limit - leavers, Limit);
        Assert.Equal(Limit, await rig.Proxy.Management.RequestCountAsync(token));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    public async Task A_small_allowance_is_spent_to_its_last_request_and_not_beyond(int limit)
    {
        var route = rig.Upstream.Answers(Ok);
        var token = await rig.Proxy.Management.CreateTokenAsync(rig.Token.ProjectId, limit);

        var statuses = new List<int>();
        for (var i = 0; i < limit + 3; i++)
        {
            statuses.Add((await rig.Proxy.GetAsync(route.Path, token.Secret)).Status);
        }

        Assert.Equal(Enumerable.Repeat(200, limit).Concat([429, 429, 429]), statuses);
        Assert.Equal(limit, route.Requests.Count);
    }

    [Fact]
    public async Task A_request_that_was_refused_costs_nothing()
    {
        var route = rig.Upstream.Answers(Ok);
        var token = await rig.Proxy.Management.CreateTokenAsync(rig.Token.ProjectId, maxRequests: 1);

        await rig.Proxy.GetAsync("/v2/nowhere", token.Secret);
        await rig.Proxy.GetAsync("/v1//x", token.Secret);
        var answer = await rig.Proxy.GetAsync(route.Path, token.Secret);

        Assert.Equal(200, answer.Status);
    }

    [Fact]
    public async Task An_unlimited_token_is_counted_too()
    {
        var route = rig.Upstream.Answers(Ok);
        var token = await rig.Proxy.Management.CreateTokenAsync(rig.Token.ProjectId);

        for (var i = 0; i < 10; i++)
        {
            await rig.Proxy.GetAsync(route.Path, token.Secret);
        }

        var count = await Eventually.AnswersAsync(
            () => rig.Proxy.Management.RequestCountAsync(token), static count => count >= 10, "the count was written");
        Assert.Equal(10, count);
    }

    [Fact]
    public async Task A_raised_limit_works_at_once()
    {
        var route = rig.Upstream.Answers(Ok);
        var token = await rig.Proxy.Management.CreateTokenAsync(rig.Token.ProjectId, maxRequests: 1);
        await rig.Proxy.GetAsync(route.Path, token.Secret);
        var spent = await rig.Proxy.GetAsync(route.Path, token.Secret);

        await rig.Proxy.Management.SendAsync("PATCH", $"/manage/tokens/{token.Id}", """{"max_requests":2}""");
        var again = await rig.Proxy.GetAsync(route.Path, token.Secret);

        Assert.Equal(429, spent.Status);
        Assert.Equal(200, again.Status);
    }

    [Fact]
    public async Task A_killed_proxy_may_forget_requests_but_never_grants_one_too_many()
    {
        const int Limit = 60;
        await using var upstream = new RawUpstream();
        var route = upstream.Answers(Ok);
        using var folder = new TempFolder();
        var setup = new ProxySetup { ProviderYaml = ProviderYaml.For(upstream.Address) };
        var proxy = await ProxyProcess.StartAsync(folder, setup);
        var token = await proxy.Management.CreateTokenAsync(Limit);

        for (var round = 0; round < 3; round++)
        {
            for (var i = 0; i < 9; i++)
            {
                await StatusAsync(proxy, token, route.Path);
            }

            await proxy.Process.KillAsync();
            await proxy.DisposeAsync();
            proxy = await ProxyProcess.StartAsync(folder, setup);
        }

        await SpendTheRestAsync(proxy, token, route);
        var count = await proxy.Management.RequestCountAsync(token);
        await proxy.DisposeAsync();

        Assert.InRange(route.Requests.Count, 27, Limit);
        Assert.Equal(Limit, count);
    }

    [Fact]
    public async Task A_stopped_proxy_gives_back_what_it_had_taken_in_advance()
    {
        const int Limit = 50;
        await using var upstream = new RawUpstream();
        var route = upstream.Answers(Ok);
        using var folder = new TempFolder();
        var setup = new ProxySetup { ProviderYaml = ProviderYaml.For(upstream.Address) };
        var proxy = await ProxyProcess.StartAsync(folder, setup);
        var token = await proxy.Management.CreateTokenAsync(Limit);

        for (var i = 0; i < 5; i++)
        {
            await StatusAsync(proxy, token, route.Path);
            await proxy.StopAsync();
            await proxy.DisposeAsync();
            proxy = await ProxyProcess.StartAsync(folder, setup);
        }

        await SpendTheRestAsync(proxy, token, route);
        await proxy.DisposeAsync();

        Assert.Equal(Limit, route.Requests.Count);
    }

    [Fact]
    public async Task Two_proxies_on_one_database_share_one_allowance()
    {
        const int Limit = 100;
        await using var upstream = new RawUpstream();
        var route = upstream.Answers(Ok);
        using var folder = new TempFolder();
        var setup = new ProxySetup { ProviderYaml = ProviderYaml.For(upstream.Address) };
        await using var one = await ProxyProcess.StartAsync(folder, setup);
        await using var other = await ProxyProcess.StartAsync(folder, setup);
        var token = await one.Management.CreateTokenAsync(Limit);

        await Task.WhenAll(Enumerable.Range(0, 300).Select(
            i => StatusAsync(i % 2 == 0 ? one : other, token, route.Path)));
        await one.StopAsync();
        await SpendTheRestAsync(other, token, route);

        Assert.Equal(Limit, route.Requests.Count);
    }

    /// <summary>Asks until the answer is no.</summary>
    private static async Task SpendTheRestAsync(ProxyProcess proxy, IssuedToken token, UpstreamRoute route) =>
        await Eventually.AnswersAsync(
            () => StatusAsync(proxy, token, route.Path), static status => status == 429, "the allowance was spent");

    private static async Task<int> StatusAsync(ProxyProcess proxy, IssuedToken token, string path) =>
        (await proxy.GetAsync(path, token.Secret)).Status;
}
