using System.Text;
using LlmProxy.Caching;
using LlmProxy.Providers;
using LlmProxy.Tests.Management;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LlmProxy.Tests.Caching;

public sealed class CacheApiTests : IAsyncLifetime
{
    private const string One = "0199c0de-7a1b-7c3d-8e4f-5a6b7c8d9e0f";
    private const string Other = "0199c0de-9b2c-7d4e-9f50-6b7c8d9e0f1a";

    private readonly ListStore _store = new();
    private ManagementServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await ManagementServer.StartAsync(cache: _store);

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    [Theory]
    [InlineData("""{"all":true}""", 6)]
    [InlineData("""{"project_id":"ONE"}""", 4)]
    [InlineData("""{"provider":"openai"}""", 5)]
    [InlineData("""{"provider":"anthropic","endpoint":null,"all":false}""", 1)]
    [InlineData("""{"endpoint":"/v1/models"}""", 4)]
    [InlineData("""{"endpoint":"/v1/model"}""", 0)]
    [InlineData("""{"model":"gpt-5"}""", 1)]
    [InlineData("""{"project_id":"ONE","provider":"openai","endpoint":"/v1/models"}""", 2)]
    [InlineData("""{"project_id":"OTHER","model":"gpt-5"}""", 0)]
    [InlineData("""{"url":"/v1/models?limit=2"}""", 3)]
    [InlineData("""{"url":"/anthropic/v1/models"}""", 1)]
    [InlineData("""{"url":"/v1/chat/completions","method":"POST"}""", 1)]
    [InlineData("""{"project_id":"ONE","method":"GET","url":"/v1/models?limit=2"}""", 1)]
    [InlineData("""{"project_id":"ONE","method":"HEAD","url":"/openai/v1/models?limit=2"}""", 1)]
    [InlineData("""{"project_id":"ONE","url":"/v1/models?limit=3"}""", 0)]
    [InlineData("""{"project_id":"OTHER","url":"/v1/models?limit=2"}""", 0)]
    [InlineData("""{"project_id":"ONE","url":"/v1/chat/completions","method":"POST","body":{"model":"gpt-5"}}""", 1)]
    [InlineData("""{"project_id":"ONE","url":"/v1/chat/completions","method":"POST","body":"{\"model\":\"gpt-5\"}"}""",
        1)]
    [InlineData("""{"project_id":"ONE","url":"/v1/chat/completions","method":"POST","body":"{\"model\": \"gpt-5\"}"}""",
        0)]
    public async Task Forgets_what_is_named_and_nothing_else(string body, int deleted)
    {
        await GivenAsync(One, "openai", "GET", "/v1/models", "");
        await GivenAsync(One, "openai", "GET", "/v1/models", "?limit=2");
        await GivenAsync(Other, "openai", "GET", "/v1/models", "");
        await GivenAsync(One, "anthropic", "GET", "/v1/models", "");
        await GivenAsync(One, "openai", "POST", "/v1/chat/completions", "", """{"model":"gpt-5"}""");
        await GivenAsync(Other, "openai", "GET", "/v1/files", "");

        var purged = await PurgeAsync(body);
        var again = await PurgeAsync(body);

        Assert.Equal($$"""{"deleted":{{deleted}}}""", purged.Text);
        Assert.Equal("""{"deleted":0}""", again.Text);
        Assert.Equal(6 - deleted, _store.Size.Entries);
    }

    [Theory]
    [InlineData("{}", "400 missing_field")]
    [InlineData("""{"all":false}""", "400 missing_field")]
    [InlineData("""{"model":null}""", "400 missing_field")]
    [InlineData("""{"all":true,"provider":"openai"}""", "400 invalid_field all")]
    [InlineData("""{"all":null}""", "400 invalid_field all")]
    [InlineData("""{"all":"yes"}""", "400 invalid_field all")]
    [InlineData("""{"project":"ONE"}""", "400 unknown_member project")]
    [InlineData("""{"prefix":"a"}""", "400 unknown_member prefix")]
    [InlineData("""{"project_id":"one"}""", "400 invalid_field project_id")]
    [InlineData("""{"provider":"OpenAI"}""", "400 invalid_field provider")]
    [InlineData("""{"endpoint":"v1/models"}""", "400 invalid_field endpoint")]
    [InlineData("""{"model":""}""", "400 invalid_field model")]
    [InlineData("""{"method":"GET"}""", "400 missing_field url")]
    [InlineData("""{"body":{}}""", "400 missing_field url")]
    [InlineData("""{"url":"/v1/models","provider":"openai"}""", "400 invalid_field url")]
    [InlineData("""{"url":"/v1/models","endpoint":"/v1/models"}""", "400 invalid_field url")]
    [InlineData("""{"url":"/v1/models","model":"m"}""", "400 invalid_field url")]
    [InlineData("""{"url":"https://api.openai.com/v1/models"}""", "400 invalid_field url")]
    [InlineData("""{"url":"/nobody/v1/models"}""", "400 invalid_field url")]
    [InlineData("""{"url":"/v1/../models"}""", "400 invalid_field url")]
    [InlineData("""{"url":"/v1/models","method":"DELETE"}""", "400 invalid_field method")]
    [InlineData("""{"url":"/v1/models","method":"get"}""", "400 invalid_field method")]
    [InlineData("""{"url":"/v1/models","body":"x"}""", "400 invalid_field body")]
    [InlineData("""{"url":"/v1/embeddings","method":"POST","project_id":"ONE"}""", "400 missing_field body")]
    [InlineData("""{"url":"/v1/embeddings","method":"POST","project_id":"ONE","body":"\ud800"}""",
        "400 invalid_field body")]
    [InlineData("[]", "400 invalid_json")]
    public async Task Refuses_a_wrong_purge_and_names_the_member(string body, string problem)
    {
        await GivenAsync(One, "openai", "GET", "/v1/models", "");

        var refused = await PurgeAsync(body);

        Assert.Equal(problem, refused.Problem);
        Assert.Equal(1, _store.Size.Entries);
    }

    [Fact]
    public async Task Shows_what_is_stored_and_what_was_done()
    {
        await GivenAsync(One, "openai", "GET", "/v1/models", "");
        var (metrics, providers) = (
            _server.Services.GetRequiredService<CacheMetrics>(), _server.Services.GetRequiredService<ProviderTable>());
        metrics.Of(providers.Default, "/v1/models").Miss();
        metrics.Of(providers.Default, "/v1/models").Stored();
        metrics.Of(providers.Default, "/v1/models").Hit();
        metrics.Of(providers.Default, "/v1/models/gpt-5").Hit();

        var stats = await _server.Client.AskAsync("GET", "/manage/cache/stats");

        Assert.Equal(
            """
            {"backend":"memory","redis_is_up":null,"entries":1,"bytes":4,"bytes_max":67108864,"evicted":2,
            "total":{"hits":2,"stale":0,"collapsed":0,"misses":1,"validated":0,"bypassed":0,"stored":1},"endpoints":[
            {"provider":"openai","endpoint":"/v1/models",
            "use":{"hits":1,"stale":0,"collapsed":0,"misses":1,"validated":0,"bypassed":0,"stored":1}},
            {"provider":"openai","endpoint":"/v1/models/*",
            "use":{"hits":1,"stale":0,"collapsed":0,"misses":0,"validated":0,"bypassed":0,"stored":0}}]}
            """.ReplaceLineEndings(string.Empty), stats.Text);
    }

    [Theory]
    [InlineData("GET", "/manage/cache/purge", "POST")]
    [InlineData("DELETE", "/manage/cache/stats", "GET, HEAD")]
    public async Task Names_the_methods_that_there_are(string method, string path, string allow)
    {
        var refused = await _server.Client.AskAsync(method, path);

        Assert.Equal("405 method_not_allowed", refused.Problem);
        Assert.Equal(allow, string.Join(", ", refused.Content.Allow));
    }

    [Fact]
    public async Task Says_so_when_the_cache_is_off()
    {
        await using var without = await ManagementServer.StartAsync();

        var purge = await without.Client.AskAsync("POST", "/manage/cache/purge", """{"all":true}""");
        var stats = await without.Client.AskAsync("GET", "/manage/cache/stats");

        Assert.Equal(("409 cache_off", "409 cache_off"), (purge.Problem, stats.Problem));
    }

    private async Task GivenAsync(
        string project, string provider, string method, string path, string query, string? body = null)
    {
        Digest? digest = body is null ? null : Digest.Of(Encoding.UTF8.GetBytes(body));
        var key = CacheKey.Of(Guid.Parse(project), provider, method, path, query, digest);
        await _store.PutAsync(key, new StoredResponse
        {
            Status = 200,
            Fields = [],
            Body = "body"u8.ToArray(),
            ReceivedAt = 0,
            InitialAge = 0,
            Lifetime = 60_000,
            VaryNames = [],
            VaryDigest = default,
            Endpoint = path,
            Model = body is null ? null : "gpt-5",
        });
    }

    private Task<Answer> PurgeAsync(string body) => _server.Client.AskAsync(
        "POST", "/manage/cache/purge", body.Replace("\"ONE\"", $"\"{One}\"", StringComparison.Ordinal)
            .Replace("\"OTHER\"", $"\"{Other}\"", StringComparison.Ordinal));
}
