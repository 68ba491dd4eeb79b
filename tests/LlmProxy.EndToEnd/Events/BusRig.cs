using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Events;

/// <summary>A proxy whose events go to a Redis of its own, before the simulator.</summary>
internal sealed class BusRig : IAsyncDisposable
{
    private BusRig(RedisProcess redis) => Redis = redis;

    public TempFolder Folder { get; } = new();

    public RedisProcess Redis { get; }

    public Simulator Simulator { get; private set; } = null!;

    public ProxyProcess Proxy { get; private set; } = null!;

    public IssuedToken Token { get; private set; } = null!;

    public static async Task<BusRig> StartAsync(RedisProcess redis, params (string Name, string Value)[] settings)
    {
        var rig = new BusRig(redis);
        try
        {
            rig.Simulator = await Simulator.StartAsync(rig.Folder);
            await rig.StartProxyAsync(settings);
            rig.Token = await rig.Proxy.Management.CreateTokenAsync();
            return rig;
        }
        catch
        {
            await rig.DisposeAsync();
            throw;
        }
    }

    /// <summary>With a Redis that keeps what it is given.</summary>
    public static async Task<BusRig> StartAsync() => await StartAsync(await RedisProcess.StartAsync());

    /// <summary>Starts the proxy, also again, in the same folder.</summary>
    public async Task StartProxyAsync(params (string Name, string Value)[] settings) =>
        Proxy = await ProxyProcess.StartAsync(Folder, new ProxySetup
        {
            ProviderYaml = ProviderYaml.For(Simulator.Address),
            Settings = [("LLM_PROXY_EVENT_BUS", "redis"), ("REDIS_URL", Redis.Url), .. settings],
        });

    /// <summary>Requests one after the other; their ids.</summary>
    public async Task<IReadOnlyList<string>> AskAsync(int count)
    {
        var ids = new List<string>();
        while (ids.Count < count)
        {
            ids.Add(EventRig.NewId());
            var answer = await Proxy.PostAsync(
                "/v1/simulator/mirror", Token.Secret, "{}", $"X-Request-ID: {ids[^1]}", EventRig.JsonType);
            Assert.Equal(200, answer.Status);
        }

        return ids;
    }

    /// <summary>How a service stands.</summary>
    public Task<GroupState?> StateAsync(string service) => DispatcherProcess.StateAsync(Redis, Folder, service);

    /// <summary>Waits until the service has everything.</summary>
    public Task LagEndsAsync(string service, TimeSpan within) =>
        DispatcherProcess.LagEndsAsync(Redis, Folder, service, within);

    public async ValueTask DisposeAsync()
    {
        await (Proxy?.DisposeAsync() ?? ValueTask.CompletedTask);
        await (Simulator?.DisposeAsync() ?? ValueTask.CompletedTask);
        await Redis.DisposeAsync();
        Folder.Dispose();
    }
}
