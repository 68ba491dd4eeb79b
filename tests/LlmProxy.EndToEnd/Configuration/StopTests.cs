using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Configuration;

/// <summary>
/// Stopping: what runs may end, what has not begun does not begin, and the exit code says that all went well.
/// </summary>
public sealed class StopTests : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private readonly RawUpstream _upstream = new();
    private ProxyProcess _proxy = null!;
    private IssuedToken _token = null!;

    public async ValueTask InitializeAsync()
    {
        _proxy = await ProxyProcess.StartAsync(
            _folder, new ProxySetup { ProviderYaml = ProviderYaml.For(_upstream.Address) });
        _token = await _proxy.Management.CreateTokenAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _proxy.DisposeAsync();
        await _upstream.DisposeAsync();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    public async Task An_idle_server_ends_at_once_with_exit_code_0(string signal)
    {
        await (signal == "TERM" ? _proxy.Process.TerminateAsync() : _proxy.Process.InterruptAsync());

        var ended = await _proxy.Process.EndAsync(TimeSpan.FromSeconds(3));

        Assert.Equal(0, ended.ExitCode);
    }

    [Fact]
    public async Task A_request_that_runs_gets_its_answer_to_the_end()
    {
        using var stopping = new SemaphoreSlim(0);
        var route = _upstream.Does(async exchange =>
        {
            await exchange.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst");
            Assert.True(await stopping.WaitAsync(Eventually.Patience));
            await exchange.WriteAsync(" last");
        });
        await using var client = await RawClient.ConnectAsync(_proxy.Address);
        await client.SendAsync(_proxy.Head("GET", route.Path, _token.Secret));
        var (head, _) = await client.ReadHeadAsync();

        await _proxy.Process.TerminateAsync();
        await Eventually.AnswersAsync(ConnectsAsync, static connects => !connects, "it took no more");
        stopping.Release();
        var body = await client.ReadBodyAsync(head!);
        var ended = await _proxy.Process.EndAsync();

        Assert.Equal("first last", body.Text);
        Assert.True(body.IsComplete);
        Assert.Equal(0, ended.ExitCode);
    }

    [Fact]
    public async Task What_was_counted_in_memory_is_on_disk_afterwards()
    {
        var route = _upstream.Answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        for (var i = 0; i < 7; i++)
        {
            await _proxy.GetAsync(route.Path, _token.Secret);
        }

        await _proxy.StopAsync();
        await using var again = await ProxyProcess.StartAsync(
            _folder, new ProxySetup { ProviderYaml = ProviderYaml.For(_upstream.Address) });

        Assert.Equal(7, await again.Management.RequestCountAsync(_token));
    }

    private async Task<bool> ConnectsAsync()
    {
        try
        {
            await using var client = await RawClient.ConnectAsync(_proxy.Address);
            return true;
        }
        catch (System.Net.Sockets.SocketException)
        {
            return false;
        }
    }
}
