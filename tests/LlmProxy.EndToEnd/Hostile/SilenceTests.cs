using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Hostile;

/// <summary>Upstreams that fall silent, before a proxy whose limits are short enough to be waited for.</summary>
public sealed class SilenceTests : IAsyncLifetime
{
    private const string StreamHead =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

    private readonly TempFolder _folder = new();
    private readonly RawUpstream _upstream = new();
    private ProxyProcess _proxy = null!;
    private IssuedToken _token = null!;

    public async ValueTask InitializeAsync()
    {
        var yaml = ProviderYaml.For(
            _upstream.Address, "timeouts: { response_header: 500ms, stream_idle: 800ms, request: 1500ms }");
        _proxy = await ProxyProcess.StartAsync(_folder, new ProxySetup { ProviderYaml = yaml });
        _token = await _proxy.Management.CreateTokenAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _proxy.DisposeAsync();
        await _upstream.DisposeAsync();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-")]
    public async Task An_upstream_that_falls_silent_before_its_headers_end_is_a_504(string beginning)
    {
        var route = _upstream.Does(async exchange =>
        {
            await exchange.WriteAsync(beginning);
            await exchange.WaitUntilGoneAsync();
        });

        var answer = await GetAsync(route.Path);

        Assert.Equal(504, answer.Status);
        Assert.Contains("upstream_timeout", answer.Body.Text, StringComparison.Ordinal);
        Assert.True(await route.Request.Gone > 0);
    }

    [Fact]
    public async Task A_stream_that_falls_silent_is_cut()
    {
        var route = _upstream.Does(static async exchange =>
        {
            await exchange.WriteAsync(StreamHead + "8\r\ndata: 1\n\r\n");
            await exchange.WaitUntilGoneAsync();
        });

        var answer = await GetAsync(route.Path);

        Assert.Equal("data: 1\n", answer.Body.Text);
        Assert.False(answer.Body.IsComplete);
        Assert.True(await route.Request.Gone > 0);
    }

    [Fact]
    public async Task A_stream_that_pauses_less_than_that_lives_longer_than_any_other_limit()
    {
        var route = _upstream.Does(static async exchange =>
        {
            await exchange.WriteAsync(StreamHead);
            using var pauses = new PeriodicTimer(TimeSpan.FromMilliseconds(250));
            for (var i = 0; i < 10; i++)
            {
                await pauses.WaitForNextTickAsync();
                await exchange.WriteAsync("1\r\n.\r\n");
            }

            await exchange.WriteAsync("0\r\n\r\n");
        });

        var answer = await GetAsync(route.Path);

        Assert.Equal("..........", answer.Body.Text);
        Assert.True(answer.Body.IsComplete);
    }

    [Fact]
    public async Task An_answer_that_is_no_stream_must_be_complete_in_time()
    {
        var route = _upstream.Does(static async exchange =>
        {
            await exchange.WriteAsync(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n");
            using var pauses = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
            while (await pauses.WaitForNextTickAsync())
            {
                await exchange.WriteAsync(".");
            }
        });

        var answer = await GetAsync(route.Path);

        Assert.False(answer.Body.IsComplete);
        Assert.InRange(answer.Body.Content.Length, 5, 40);
    }

    private Task<RawAnswer> GetAsync(string path) => _proxy.GetAsync(path, _token.Secret);
}
