using System.Diagnostics;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Tokens;

/// <summary>What was taken away is gone: on the next request, and out of running streams within a second.</summary>
public sealed class RevocationTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    private const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    [Fact]
    public async Task A_revoked_token_is_refused_from_the_next_request_on()
    {
        var route = rig.Upstream.Answers(Ok);
        var token = await rig.Proxy.Management.CreateTokenAsync(rig.Token.ProjectId);
        await using var client = await rig.ConnectAsync();
        await client.SendAsync(rig.Proxy.Head("GET", route.Path, token.Secret));
        var before = await client.ReadAnswerAsync();

        await rig.Proxy.Management.RevokeAsync(token);
        await client.SendAsync(rig.Proxy.Head("GET", route.Path, token.Secret));
        var after = await client.ReadAnswerAsync();

        Assert.Equal(200, before?.Status);
        Assert.Equal(401, after?.Status);
        Assert.Single(route.Requests);
    }

    [Fact]
    public async Task A_revoked_token_stays_revoked_when_the_proxy_is_killed_right_after()
    {
        await using var upstream = new RawUpstream();
        using var folder = new TempFolder();
        var setup = new ProxySetup { ProviderYaml = ProviderYaml.For(upstream.Address) };
        await using var first = await ProxyProcess.StartAsync(folder, setup);
        var token = await first.Management.CreateTokenAsync();

        await first.Management.RevokeAsync(token);
        await first.Process.KillAsync();
        await using var second = await ProxyProcess.StartAsync(folder, setup);

        Assert.Equal(401, (await second.GetAsync("/v1/x", token.Secret)).Status);
    }

    [Theory]
    [InlineData("revoke")]
    [InlineData("revoke all of the project")]
    [InlineData("delete the project")]
    public async Task A_running_stream_ends_within_a_second(string how)
    {
        var route = rig.Upstream.Does(static async exchange =>
        {
            await exchange.WriteAsync(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
            await exchange.WriteAsync("8\r\ndata: 1\n\r\n");
            await exchange.WaitUntilGoneAsync();
        });
        var project = await rig.Proxy.Management.CreateProjectAsync();
        var token = await rig.Proxy.Management.CreateTokenAsync(project);
        await using var client = await rig.ConnectAsync();
        await client.SendAsync(rig.Proxy.Head("GET", route.Path, token.Secret));
        var (head, _) = await client.ReadHeadAsync();

        var management = rig.Proxy.Management;
        await (how switch
        {
            "revoke" => management.RevokeAsync(token),
            "revoke all of the project" => management.SendAsync("POST", $"/manage/projects/{project}/tokens/revoke"),
            _ => management.SendAsync("DELETE", $"/manage/projects/{project}"),
        });
        var taken = Stopwatch.GetTimestamp();
        var body = await client.ReadBodyAsync(head!);

        Assert.InRange(Stopwatch.GetElapsedTime(taken), TimeSpan.Zero, TimeSpan.FromSeconds(1));
        Assert.False(body.IsComplete);
        var gone = Stopwatch.GetElapsedTime(taken, await route.Request.Gone);
        Assert.InRange(gone, TimeSpan.MinValue, TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task The_other_proxy_on_the_database_learns_of_it_within_a_second()
    {
        await using var upstream = new RawUpstream();
        var route = upstream.Answers(Ok);
        using var folder = new TempFolder();
        var setup = new ProxySetup { ProviderYaml = ProviderYaml.For(upstream.Address) };
        await using var one = await ProxyProcess.StartAsync(folder, setup);
        await using var other = await ProxyProcess.StartAsync(folder, setup);
        var token = await one.Management.CreateTokenAsync();
        Assert.Equal(200, (await other.GetAsync(route.Path, token.Secret)).Status);

        await one.Management.RevokeAsync(token);
        var revoked = Stopwatch.GetTimestamp();
        await Eventually.AnswersAsync(
            () => other.GetAsync(route.Path, token.Secret),
            static answer => answer.Status == 401,
            "the other proxy refused the token");

        Assert.InRange(Stopwatch.GetElapsedTime(revoked), TimeSpan.Zero, TimeSpan.FromSeconds(1.2));
    }

    [Fact]
    public async Task An_inactive_project_is_a_403_until_it_is_active_again()
    {
        var route = rig.Upstream.Answers(Ok);
        var project = await rig.Proxy.Management.CreateProjectAsync();
        var token = await rig.Proxy.Management.CreateTokenAsync(project);

        await rig.Proxy.Management.SwitchProjectAsync(project, on: false);
        var off = await rig.Proxy.GetAsync(route.Path, token.Secret);
        await rig.Proxy.Management.SwitchProjectAsync(project, on: true);
        var on = await rig.Proxy.GetAsync(route.Path, token.Secret);

        Assert.Equal(403, off.Status);
        Assert.Contains("project_inactive", off.Body.Text, StringComparison.Ordinal);
        Assert.Equal(200, on.Status);
    }

    [Fact]
    public async Task A_new_provider_key_is_used_from_the_next_request_on()
    {
        var route = rig.Upstream.Answers(Ok);
        var project = await rig.Proxy.Management.CreateProjectAsync("sk-the-old-key-0123456789");
        var token = await rig.Proxy.Management.CreateTokenAsync(project);
        await rig.Proxy.GetAsync(route.Path, token.Secret);

        await rig.Proxy.Management.SendAsync(
            "PATCH", $"/manage/projects/{project}", """{"api_key":"sk-the-new-key-0123456789"}""");
        await rig.Proxy.GetAsync(route.Path, token.Secret);

        Assert.Collection(
            route.Requests,
            static request => Assert.Equal("Bearer sk-the-old-key-0123456789", request.Head.Value("Authorization")),
            static request => Assert.Equal("Bearer sk-the-new-key-0123456789", request.Head.Value("Authorization")));
    }
}
