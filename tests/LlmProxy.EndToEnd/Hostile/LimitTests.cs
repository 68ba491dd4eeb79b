using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Hostile;

/// <summary>Requests that are too long, too many or never end.</summary>
public sealed class LimitTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    [Theory]
    [InlineData(9_000)]
    [InlineData(100_000)]
    public async Task A_target_that_is_too_long_is_refused(int length)
    {
        await RefusedAsync(rig.Head("GET", "/v1/" + new string('a', length)));
    }

    [Fact]
    public async Task A_header_that_is_too_long_is_refused()
    {
        await RefusedAsync(rig.Head("GET", "/v1/x", "X-Long: " + new string('a', 70_000)));
    }

    [Fact]
    public async Task Too_many_headers_are_refused()
    {
        await RefusedAsync(rig.Head("GET", "/v1/x", Enumerable.Range(0, 300).Select(static i => $"X-{i}: 1")));
    }

    [Fact]
    public async Task A_token_that_is_absurdly_long_is_refused_like_any_other()
    {
        var answer = await rig.Proxy.GetAsync("/v1/x", new string('a', 20_000));

        Assert.Equal(401, answer.Status);
    }

    [Fact]
    public async Task A_client_that_leaves_in_the_middle_of_its_request_does_no_harm()
    {
        var request = rig.Head("POST", "/v1/x", "Content-Length: 100") + "the beginning";

        for (var cut = 1; cut < request.Length; cut += 7)
        {
            var client = await rig.ConnectAsync();
            await client.SendAsync(request[..cut]);
            client.Reset();
        }

        Assert.Equal(200, (await rig.GetAsync("/health")).Status);
    }

    [Fact]
    public async Task Hundreds_of_idle_connections_do_not_keep_others_out()
    {
        var idle = new List<RawClient>();
        for (var i = 0; i < 500; i++)
        {
            var client = await rig.ConnectAsync();
            await client.SendAsync("GET /v1/x HTTP/1.1\r\nHost:");
            idle.Add(client);
        }

        var answer = await rig.GetAsync("/health");
        foreach (var client in idle)
        {
            await client.DisposeAsync();
        }

        Assert.Equal(200, answer.Status);
    }

    private async Task RefusedAsync(string request)
    {
        await using var client = await rig.ConnectAsync();
        await client.TrySendAsync(request);
        var answer = await client.ReadAnswerAsync();

        Assert.Empty(rig.Upstream.TakeStrangers());
        Assert.InRange(answer?.Status ?? 400, 400, 499);
    }
}
