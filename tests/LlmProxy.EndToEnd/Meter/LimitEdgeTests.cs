using System.Text.Json;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Meter;

/// <summary>What happens at the edges of a limit: in the middle of a stream, at a change, under a roof.</summary>
public sealed class LimitEdgeTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    private const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    [Fact]
    public async Task A_stream_that_runs_when_its_token_expires_is_finished()
    {
        var expired = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var route = rig.Upstream.Does(async exchange =>
        {
            await exchange.WriteAsync(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "9\r\ndata: 1\n\n\r\n");
            await expired.Task.WaitAsync(Eventually.Patience);
            await exchange.WriteAsync("9\r\ndata: 2\n\n\r\n0\r\n\r\n");
        });
        var token = await rig.Proxy.Management.CreateExpiringTokenAsync(TimeSpan.FromSeconds(2));
        await using var client = await rig.ConnectAsync();
        await client.SendAsync(rig.Proxy.Head("GET", route.Path, token.Secret));
        var (head, _) = await client.ReadHeadAsync();

        await Eventually.AnswersAsync(
            () => rig.Proxy.GetAsync("/v1/models", token.Secret),
            static answer => answer.Status == 401, "the token has expired");
        expired.SetResult();
        var body = await client.ReadBodyAsync(head!);

        Assert.StartsWith("HTTP/1.1 200 ", head!.FirstLine, StringComparison.Ordinal);
        Assert.Matches("^[01]$", head.Value("X-Token-Expires-In"));
        Assert.Equal("data: 1\n\ndata: 2\n\n", body.Text);
        Assert.True(body.IsComplete);
    }

    [Theory]
    [InlineData("""{"max_requests":1}""", """{"max_requests":null}""", 429)]
    [InlineData("""{"requests_per_minute":1}""", """{"requests_per_minute":0}""", 429)]
    [InlineData("""{"allowed_endpoints":["/v1/nothing"]}""", """{"allowed_endpoints":["/v1/*"]}""", 403)]
    [InlineData("""{"allowed_origins":["https://a.example"]}""", """{"allowed_origins":null}""", 403)]
    [InlineData("""{"is_active":false}""", """{"is_active":true}""", 401)]
    public async Task A_change_is_in_force_with_the_next_request(string limited, string freed, int status)
    {
        var route = rig.Upstream.Answers(Ok);
        var token = await rig.Proxy.Management.CreateTokenAsync();

        var before = await StatusAsync();
        await rig.Proxy.Management.ChangeTokenAsync(token, limited);
        var during = new[] { await StatusAsync(), await StatusAsync() };
        await rig.Proxy.Management.ChangeTokenAsync(token, freed);
        var after = new[] { await StatusAsync(), await StatusAsync() };

        Assert.Equal(200, before);
        Assert.Equal(status, during[1]);
        Assert.Equal([200, 200], after);

        async Task<int> StatusAsync() => (await rig.Proxy.GetAsync(route.Path, token.Secret)).Status;
    }

    [Fact]
    public async Task An_end_that_is_set_and_moved_is_in_force_while_it_stands()
    {
        var route = rig.Upstream.Answers(Ok);
        var token = await rig.Proxy.Management.CreateTokenAsync();
        var soon = TimeProvider.System.GetUtcNow() + TimeSpan.FromSeconds(1);

        await rig.Proxy.Management.ChangeTokenAsync(token, $$"""{"expires_at":"{{soon:O}}"}""");
        await Eventually.AnswersAsync(
            () => rig.Proxy.GetAsync(route.Path, token.Secret),
            static answer => answer.Status == 401, "the token has expired");
        await rig.Proxy.Management.ChangeTokenAsync(token, """{"duration_minutes":5}""");

        Assert.Equal(200, (await rig.Proxy.GetAsync(route.Path, token.Secret)).Status);
    }

    [Fact]
    public async Task What_was_used_before_a_limit_was_set_is_held_against_it()
    {
        var route = rig.Upstream.Answers(Ok);
        var token = await rig.Proxy.Management.CreateTokenAsync();
        await rig.Proxy.GetAsync(route.Path, token.Secret);
        await rig.Proxy.GetAsync(route.Path, token.Secret);

        await rig.Proxy.Management.ChangeTokenAsync(token, """{"max_requests":3}""");

        var third = await rig.Proxy.GetAsync(route.Path, token.Secret);
        var fourth = await rig.Proxy.GetAsync(route.Path, token.Secret);
        Assert.Equal([200, 429], [third.Status, fourth.Status]);
        Assert.Equal(3, route.Requests.Count);
    }

    [Fact]
    public async Task A_project_is_a_roof_over_its_tokens()
    {
        var route = rig.Upstream.Answers(Ok);
        var project = await rig.Proxy.Management.CreateProjectAsync();
        await rig.Proxy.Management.LimitProjectAsync(project, new TokenLimits { MaxRequests = 5 });
        var one = await rig.Proxy.Management.CreateTokenAsync(project, maxRequests: 3);
        var other = await rig.Proxy.Management.CreateTokenAsync(project, maxRequests: 4);

        var passed = new Dictionary<string, int>(StringComparer.Ordinal);
        var refused = new List<string?>();
        foreach (var secret in new[] { one.Secret, other.Secret, one.Secret, other.Secret, one.Secret, other.Secret })
        {
            var answer = await rig.Proxy.GetAsync(route.Path, secret);
            passed[secret] = passed.GetValueOrDefault(secret) + (answer.Status == 200 ? 1 : 0);
            refused.Add(ErrorIn(answer, "param"));
        }

        Assert.Equal([3, 2], [passed[one.Secret], passed[other.Secret]]);
        Assert.Equal([null, null, null, null, null, "project.max_requests"], refused);
        Assert.Equal("token.max_requests", ErrorIn(await rig.Proxy.GetAsync(route.Path, one.Secret), "param"));
        Assert.Equal(5, route.Requests.Count);
    }

    [Fact]
    public async Task A_project_that_has_expired_refuses_its_tokens_and_takes_them_back()
    {
        var route = rig.Upstream.Answers(Ok);
        var token = await rig.Proxy.Management.CreateTokenAsync();
        var end = TimeProvider.System.GetUtcNow() + TimeSpan.FromSeconds(2);
        await EndProjectAsync($"\"{end:O}\"");

        var before = await rig.Proxy.GetAsync(route.Path, token.Secret);
        var refused = await Eventually.AnswersAsync(
            () => rig.Proxy.GetAsync(route.Path, token.Secret),
            static answer => answer.Status != 200, "the project has expired");
        await EndProjectAsync("null");
        var after = await rig.Proxy.GetAsync(route.Path, token.Secret);

        // The nearer of the two ends is told.
        Assert.Matches("^[01]$", before.Head.Value("X-Token-Expires-In"));
        Assert.Equal(403, refused.Status);
        Assert.Equal("project_expired", ErrorIn(refused, "code"));
        Assert.Equal(200, after.Status);

        async Task EndProjectAsync(string value)
        {
            var answer = await rig.Proxy.Management.SendAsync(
                "PATCH", $"/manage/projects/{token.ProjectId}", $$"""{"expires_at":{{value}}}""");
            Assert.True(answer.Status == 200, answer.Text);
        }
    }

    private static string? ErrorIn(RawAnswer answer, string member) => answer.Status == 200
        ? null
        : JsonDocument.Parse(answer.Body.Text).RootElement.GetProperty("error").GetProperty(member).GetString();
}
