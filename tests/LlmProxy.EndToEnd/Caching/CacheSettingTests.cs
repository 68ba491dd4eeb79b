using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Caching;

/// <summary>Each setting of the cache does what it says.</summary>
public sealed class CacheSettingTests : IAsyncLifetime
{
    private const string Fresh = "Cache-Control: max-age=60";

    private readonly OwnProxy _own = new();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => _own.DisposeAsync();

    [Fact]
    public async Task Off_it_stores_nothing_and_says_nothing()
    {
        var route = Answering("x", Fresh);
        await _own.StartAsync(settings: ("HTTP_CACHE_ENABLED", "false"));

        await _own.GetAsync(route.Path);
        var second = await _own.GetAsync(route.Path, "Cache-Control: only-if-cached");

        Assert.Equal(2, route.Requests.Count);
        Assert.False(second.Head.Has("Cache-Status"));
        Assert.False(second.Head.Has("X-PROXY-CACHE"));
    }

    [Fact]
    public async Task A_body_longer_than_the_longest_object_is_not_stored()
    {
        var (small, large) = (Answering(new string('x', 100), Fresh), Answering(new string('x', 101), Fresh));
        await _own.StartAsync(settings: ("HTTP_CACHE_MAX_OBJECT_BYTES", "100"));

        Assert.Equal("hit", await SecondWordAsync(small));
        Assert.Equal("miss", await SecondWordAsync(large));
    }

    [Fact]
    public async Task An_endpoint_that_the_provider_lists_gets_the_default_time_and_no_other_one_does()
    {
        var (models, batch) = (AnsweringAt("/v1/models"), AnsweringAt("/v1/batches/1"));
        await _own.StartAsync("cache: { default_ttl_endpoints: [/v1/models] }", ("HTTP_CACHE_DEFAULT_TTL", "120"));

        await _own.GetAsync(models.Path);
        var second = await _own.GetAsync(models.Path);

        Assert.Matches("hit; ttl=1(19|20)$", second.Head.Value("Cache-Status"));
        Assert.Equal("miss", await SecondWordAsync(batch));
    }

    [Fact]
    public async Task Without_a_default_time_nothing_gets_one()
    {
        var models = AnsweringAt("/v1/models");
        await _own.StartAsync("cache: { default_ttl_endpoints: [/v1/models] }", ("HTTP_CACHE_DEFAULT_TTL", "0"));

        Assert.Equal("miss", await SecondWordAsync(models));
    }

    [Fact]
    public async Task The_shipped_file_gives_the_models_the_default_time()
    {
        using var folder = new TempFolder();
        await using var simulator = await Simulator.StartAsync(folder);
        await using var proxy = await ProxyProcess.StartAsync(folder, new ProxySetup { Upstream = simulator.Address });
        var token = await proxy.Management.CreateTokenAsync();

        await proxy.GetAsync("/v1/models", token.Secret);

        Assert.Equal("hit", (await proxy.GetAsync("/v1/models", token.Secret)).Head.Value("X-PROXY-CACHE"));
    }

    [Theory]
    [InlineData("true", "hit")]
    [InlineData("false", "miss")]
    public async Task Streams_are_stored_when_they_may(string setting, string second)
    {
        var route = _own.Upstream.Answers(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: max-age=60\r\n"
            + "Content-Length: 14\r\n\r\n" + "data: [DONE]\n\n");
        await _own.StartAsync(settings: ("HTTP_CACHE_STREAM_RESPONSES", setting));

        Assert.Equal(second, await SecondWordAsync(route));
    }

    [Fact]
    public async Task A_field_for_this_cache_overrides_the_one_for_all()
    {
        var route = Answering("x", "Cache-Control: no-store", "CDN-Cache-Control: max-age=60");
        await _own.StartAsync(settings: ("HTTP_CACHE_TARGETED_FIELDS", "CDN-Cache-Control"));

        Assert.Equal("hit", await SecondWordAsync(route));
    }

    [Fact]
    public async Task Nobody_is_served_what_is_stale_where_that_is_off()
    {
        var isAway = false;
        var route = _own.Upstream.Does(async exchange =>
        {
            if (isAway)
            {
                exchange.Reset();
                return;
            }

            await exchange.AnswerAsync(200, "x"u8.ToArray(), "Cache-Control: max-age=0", "ETag: \"v\"");
        });
        await _own.StartAsync(settings: ("HTTP_CACHE_SERVE_STALE_ON_ERROR", "false"));
        await _own.GetAsync(route.Path);
        isAway = true;

        Assert.Equal(502, (await _own.GetAsync(route.Path)).Status);
    }

    [Fact]
    public async Task What_is_kept_is_bounded()
    {
        var body = new string('x', 100_000);
        var route = _own.Upstream.DoesAt("/v1/many", exchange => exchange.AnswerAsync(
            200, System.Text.Encoding.ASCII.GetBytes(body), Fresh));
        await _own.StartAsync(settings: ("HTTP_CACHE_MAX_BYTES", "1048576"));

        for (var i = 0; i < 40; i++)
        {
            await _own.GetAsync($"{route.Path}?{i}");
        }

        var hits = 0;
        for (var i = 39; i >= 0; i--)
        {
            hits += (await _own.GetAsync($"{route.Path}?{i}", "Cache-Control: only-if-cached")).Status == 200 ? 1 : 0;
        }

        Assert.InRange(hits, 1, 10);
    }

    private UpstreamRoute Answering(string body, params string[] lines) => _own.Upstream.Does(
        exchange => exchange.AnswerAsync(200, System.Text.Encoding.ASCII.GetBytes(body), lines));

    private UpstreamRoute AnsweringAt(string path) =>
        _own.Upstream.DoesAt(path, static exchange => exchange.AnswerAsync(200, "{}"u8.ToArray()));

    private async Task<string?> SecondWordAsync(UpstreamRoute route)
    {
        await _own.GetAsync(route.Path);
        return (await _own.GetAsync(route.Path)).Head.Value("X-PROXY-CACHE");
    }
}
