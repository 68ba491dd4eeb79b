using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Caching;

/// <summary>Instances that share a Redis share what they keep; without it they serve on.</summary>
public sealed class RedisTests : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private readonly RawUpstream _upstream = new();
    private readonly int _port = FreePort();
    private ChildProcess _redis = null!;
    private ProxyProcess _one = null!;
    private ProxyProcess _other = null!;
    private IssuedToken _token = null!;

    public async ValueTask InitializeAsync()
    {
        _redis = StartRedis();
        _one = await StartProxyAsync();
        _other = await StartProxyAsync();
        _token = await _one.Management.CreateTokenAsync();
    }

    [Fact]
    public async Task What_one_instance_has_stored_the_other_one_serves_and_forgets_with_it()
    {
        var route = _upstream.Does(Fresh);
        await Eventually.AnswersAsync(
            () => GetAsync(_one, route.Path), static answer => answer.Head.Value("X-PROXY-CACHE") == "hit",
            "Redis was used");
        var asked = route.Requests.Count;

        await Eventually.AnswersAsync(
            () => GetAsync(_other, route.Path), static answer => answer.Head.Value("X-PROXY-CACHE") == "hit",
            "the other instance found it");
        Assert.InRange(route.Requests.Count, asked, asked + 1);

        await _one.Management.SendAsync("POST", "/manage/cache/purge", """{"all":true}""");
        await Eventually.AnswersAsync(
            () => GetAsync(_other, route.Path), static answer => answer.Head.Value("X-PROXY-CACHE") == "miss",
            "the other instance forgot it");
    }

    [Fact]
    public async Task A_Redis_that_is_killed_fails_no_request_and_is_used_again_when_it_is_back()
    {
        var route = _upstream.Does(Fresh);
        await GetAsync(_one, route.Path);
        await _redis.DisposeAsync();

        for (var i = 0; i < 50; i++)
        {
            Assert.Equal(200, (await GetAsync(_one, $"{route.Path}?{i}")).Status);
        }

        _redis = StartRedis();
        await Eventually.AnswersAsync(
            () => GetAsync(_one, $"{route.Path}?back"),
            static answer => answer.Head.Value("X-PROXY-CACHE") == "hit", "it was used again");
    }

    [Fact]
    public async Task A_Redis_that_stands_still_holds_no_request_up()
    {
        var route = _upstream.Does(Fresh);
        await GetAsync(_one, route.Path);
        await SignalAsync("-STOP");

        var started = Stopwatch.GetTimestamp();
        for (var i = 0; i < 100; i++)
        {
            Assert.Equal(200, (await GetAsync(_one, $"{route.Path}?{i}")).Status);
        }

        var took = Stopwatch.GetElapsedTime(started);
        await SignalAsync("-CONT");

        // Each waits 20 ms at most, and after the first few nobody asks it any more.
        Assert.True(took < TimeSpan.FromSeconds(4), $"100 requests took {took}.");
    }

    public async ValueTask DisposeAsync()
    {
        await (_one?.DisposeAsync() ?? ValueTask.CompletedTask);
        await (_other?.DisposeAsync() ?? ValueTask.CompletedTask);
        await (_redis?.DisposeAsync() ?? ValueTask.CompletedTask);
        await _upstream.DisposeAsync();
        _folder.Dispose();
    }

    private static Task Fresh(UpstreamExchange exchange) =>
        exchange.AnswerAsync(200, "x"u8.ToArray(), "Cache-Control: max-age=60");

    private Task<RawAnswer> GetAsync(ProxyProcess proxy, string target) => proxy.GetAsync(target, _token.Secret);

    private ChildProcess StartRedis() => ChildProcess.Start(
        "redis-server", _folder.Path, [],
        "--port", _port.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--save", "", "--appendonly",
        "no");

    private Task<ProxyProcess> StartProxyAsync() => ProxyProcess.StartAsync(_folder, new ProxySetup
    {
        ProviderYaml = ProviderYaml.For(_upstream.Address),
        Settings =
        [
            ("HTTP_CACHE_BACKEND", "redis"),
            ("REDIS_CACHE_URL", string.Create(CultureInfo.InvariantCulture, $"redis://127.0.0.1:{_port}/0")),
        ],
    });

    private async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", [signal, _redis.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
