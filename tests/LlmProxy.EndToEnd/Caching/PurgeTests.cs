using System.Text.Json;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Caching;

/// <summary>The cache forgets what it is told to, and nothing else, and says what it does.</summary>
public sealed class PurgeTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    [Theory]
    [InlineData("""{"endpoint":"PATH"}""", true)]
    [InlineData("""{"endpoint":"PATH","provider":"openai"}""", true)]
    [InlineData("""{"project_id":"PROJECT"}""", true)]
    [InlineData("""{"provider":"openai"}""", true)]
    [InlineData("""{"all":true}""", true)]
    [InlineData("""{"project_id":"PROJECT","method":"GET","url":"PATH"}""", true)]
    [InlineData("""{"endpoint":"/v1/other"}""", false)]
    [InlineData("""{"endpoint":"PATH","model":"gpt-4o"}""", false)]
    [InlineData("""{"project_id":"00000000-0000-7000-8000-000000000000"}""", false)]
    public async Task What_is_chosen_is_forgotten_and_nothing_else(string purge, bool isChosen)
    {
        var route = rig.Upstream.Does(Fresh);
        await rig.GetAsync(route.Path);
        Assert.Equal("hit", await WordAsync(route));

        var body = purge.Replace("PATH", route.Path, StringComparison.Ordinal)
            .Replace("PROJECT", rig.Token.ProjectId, StringComparison.Ordinal);
        var answer = await rig.Proxy.Management.SendAsync("POST", "/manage/cache/purge", body);

        Assert.Equal(200, answer.Status);
        Assert.Equal(isChosen, answer.Json.GetProperty("deleted").GetInt64() > 0);
        Assert.Equal(isChosen ? "miss" : "hit", await WordAsync(route));
    }

    [Fact]
    public async Task A_model_is_forgotten_by_its_name()
    {
        var route = rig.Upstream.DoesAt("/v1/chat/completions", exchange => exchange.AnswerAsync(
            200, """{"model":"gpt-4o-mini","usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"""u8
                .ToArray(), "Content-Type: application/json"));
        const string Ask = "Cache-Control: max-age=60";
        await rig.PostAsync(route.Path, """{"model":"gpt-4o-mini"}""", Ask);
        Assert.Equal("hit",
            (await rig.PostAsync(route.Path, """{"model":"gpt-4o-mini"}""", Ask)).Head.Value("X-PROXY-CACHE"));

        var answer = await rig.Proxy.Management.SendAsync(
            "POST", "/manage/cache/purge", """{"model":"gpt-4o-mini"}""");

        Assert.Equal(1, answer.Json.GetProperty("deleted").GetInt64());
        Assert.Equal("miss",
            (await rig.PostAsync(route.Path, """{"model":"gpt-4o-mini"}""", Ask)).Head.Value("X-PROXY-CACHE"));
    }

    [Fact]
    public async Task Hits_are_counted_for_the_cache_the_token_and_the_project()
    {
        var token = await rig.Proxy.Management.CreateTokenAsync();
        var route = rig.Upstream.Does(Fresh);
        var before = (await StatsAsync()).GetProperty("hits").GetInt64();
        for (var i = 0; i < 4; i++)
        {
            await rig.Proxy.GetAsync(route.Path, token.Secret);
        }

        Assert.Equal(before + 3, (await StatsAsync()).GetProperty("hits").GetInt64());
        var stored = await rig.Proxy.Management.SendAsync("GET", $"/manage/tokens/{token.Id}");
        var project = await rig.Proxy.Management.SendAsync("GET", $"/manage/projects/{token.ProjectId}");
        Assert.Equal(3, stored.Json.GetProperty("cache_hit_count").GetInt64());
        Assert.Equal(1, stored.Json.GetProperty("request_count").GetInt64());
        Assert.Equal(3, project.Json.GetProperty("cache_hit_count").GetInt64());
    }

    private static Task Fresh(UpstreamExchange exchange) =>
        exchange.AnswerAsync(200, "x"u8.ToArray(), "Cache-Control: max-age=60");

    private async Task<string?> WordAsync(UpstreamRoute route) =>
        (await rig.GetAsync(route.Path)).Head.Value("X-PROXY-CACHE");

    private async Task<JsonElement> StatsAsync() =>
        (await rig.Proxy.Management.SendAsync("GET", "/manage/cache/stats")).Json.GetProperty("total");
}
