using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Configuration;

/// <summary>What a provider file says about the connections that are kept for later requests.</summary>
public sealed class PoolTests : IAsyncDisposable
{
    private const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    private readonly TempFolder _folder = new();
    private readonly RawUpstream _upstream = new();

    [Fact]
    public async Task Idle_connection_is_how_long_a_connection_is_kept_without_use()
    {
        var route = _upstream.Does(static async exchange =>
        {
            await exchange.WriteAsync(Ok);
            await exchange.WaitUntilGoneAsync();
        });
        await using var proxy = await StartAsync("timeouts: { idle_connection: 500ms }");
        var token = await proxy.Management.CreateTokenAsync();

        Assert.Equal(200, (await proxy.GetAsync(route.Path, token.Secret)).Status);

        Assert.True(await route.Request.Gone > 0);
    }

    [Theory]
    [InlineData("max_idle_conns: 1", 2)]
    [InlineData("max_idle_conns_per_host: 2", 1)]
    [InlineData("max_idle_conns: 0", 0)]
    public async Task Connections_beyond_max_idle_conns_are_closed_after_use(string limit, int closed)
    {
        const int AtOnce = 3;
        var arrived = new CountdownEvent(AtOnce);
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var route = _upstream.Does(async exchange =>
        {
            if (arrived.Signal())
            {
                all.SetResult();
            }

            await all.Task;
            await exchange.WriteAsync(Ok);
        });
        await using var proxy = await StartAsync($"connection: {{ {limit} }}");
        var token = await proxy.Management.CreateTokenAsync();

        await Task.WhenAll(Enumerable.Range(0, AtOnce)
            .Select(number => proxy.GetAsync($"{route.Path}?{number}", token.Secret)));

        Assert.Equal(closed, route.Requests.Count(static request => request.Head.Value("Connection") == "close"));
        arrived.Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        await _upstream.DisposeAsync();
        _folder.Dispose();
    }

    private Task<ProxyProcess> StartAsync(string line) => ProxyProcess.StartAsync(
        _folder, new ProxySetup { ProviderYaml = ProviderYaml.For(_upstream.Address, line) });
}
