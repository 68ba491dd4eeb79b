using System.Text.Json.Nodes;
using LlmProxy.Cli;
using Xunit;

namespace LlmProxy.Tests.Cli;

public sealed class ManageCacheTests : IAsyncLifetime
{
    private readonly Shell _shell = new();
    private FakeApi _api = null!;

    public async ValueTask InitializeAsync()
    {
        _api = await FakeApi.StartAsync();
        _shell.Variables["MANAGEMENT_API_BASE_URL"] = _api.Address.AbsoluteUri;
        _shell.Variables["MANAGEMENT_TOKEN"] = FakeApi.ManagementToken;
    }

    public async ValueTask DisposeAsync()
    {
        await _api.DisposeAsync();
        _shell.Dispose();
    }

    [Theory]
    [InlineData(new[] { "--all" }, """{"all":true}""")]
    [InlineData(new[] { "--project-id", "p", "--provider", "openai", "--endpoint", "/v1/models", "--model", "m" },
        """{"project_id":"p","provider":"openai","endpoint":"/v1/models","model":"m"}""")]
    [InlineData(new[] { "--url", "/v1/models?a=b", "--method", "POST", "--body", "{}" },
        """{"url":"/v1/models?a=b","method":"POST","body":"{}"}""")]
    public async Task What_is_given_is_forgotten(string[] flags, string body)
    {
        _api.Answer = (200, """{"deleted":3}""");

        var purged = await RunAsync(["purge", .. flags]);

        Assert.Equal("3 answers are forgotten.\n", purged.Succeeded());
        Assert.Equal("POST /manage/cache/purge", Assert.Single(_api.Received).Line);
        Assert.Equal(body, _api.Received[0].Body);
    }

    [Fact]
    public async Task One_answer_is_said_in_the_singular()
    {
        _api.Answer = (200, """{"deleted":1}""");

        Assert.Equal("1 answer is forgotten.\n", (await RunAsync("purge", "--all")).Succeeded());
    }

    [Fact]
    public async Task For_programs_it_is_what_the_server_answers()
    {
        _api.Answer = (200, """{"deleted":3}""");

        var purged = JsonNode.Parse((await RunAsync("purge", "--all", "--json")).Succeeded())!;

        Assert.Equal(3, (int?)purged["deleted"]);
    }

    [Fact]
    public async Task A_purge_of_nothing_is_refused()
    {
        var refused = await RunAsync("purge");

        Assert.Equal((ExitCode.Usage, string.Empty), (refused.ExitCode, refused.Output));
        Assert.StartsWith("Nothing to forget: give --project-id, ", refused.Errors, StringComparison.Ordinal);
        Assert.Empty(_api.Received);
    }

    [Theory]
    [InlineData("null", "redis", "memory", "Backend:       memory\n")]
    [InlineData("true", "memory", "redis", "Backend:       redis, which answers\n")]
    [InlineData("false", "memory", "redis", "Backend:       redis, which does not answer\n")]
    public async Task Stats_show_what_is_held(string redis, string unlike, string backend, string line)
    {
        GivenStats(backend, redis);

        var shown = (await RunAsync("stats")).Succeeded();

        Assert.StartsWith(
            $"{line}In memory:     12 answers\nSize:          3400 of 67108864 bytes\nEvicted:       5\n", shown,
            StringComparison.Ordinal);
        Assert.DoesNotContain($"Backend:       {unlike}", shown, StringComparison.Ordinal);
        Assert.Equal("GET /manage/cache/stats", Assert.Single(_api.Received).Line);
    }

    [Fact]
    public async Task Stats_have_a_row_for_each_endpoint()
    {
        GivenStats(
            "memory", "null",
            """
            {"provider":"openai","endpoint":"/v1/models",
             "use":{"hits":1,"stale":2,"collapsed":3,"misses":4,"validated":5,"bypassed":6,"stored":7}}
            """);

        var lines = (await RunAsync("stats")).Succeeded().TrimEnd('\n').Split('\n');

        Assert.Matches(
            "^PROVIDER +ENDPOINT +HITS +STALE +COLLAPSED +MISSES +VALIDATED +BYPASSED +STORED$", lines[^2].Trim());
        Assert.Matches("^openai +/v1/models +1 +2 +3 +4 +5 +6 +7$", lines[^1].Trim());
    }

    [Fact]
    public async Task Stats_for_programs_are_what_the_server_answers()
    {
        GivenStats("memory", "null");

        var stats = JsonNode.Parse((await RunAsync("stats", "--json")).Succeeded())!;

        Assert.Equal((12, "memory"), ((int?)stats["entries"], (string?)stats["backend"]));
    }

    [Fact]
    public async Task A_cache_that_is_off_is_exit_code_4()
    {
        _api.Answer = (409, """{"status":409,"code":"cache_off","detail":"The cache is switched off."}""");

        var refused = await RunAsync("stats");

        Assert.Equal((ExitCode.Refused, string.Empty), (refused.ExitCode, refused.Output));
        Assert.StartsWith("cache_off: ", refused.Errors, StringComparison.Ordinal);
    }

    private Task<Outcome> RunAsync(params string[] arguments) => _shell.RunAsync(["manage", "cache", .. arguments]);

    private void GivenStats(string backend, string redisIsUp, string endpoints = "") => _api.Answer = (200,
        $$"""
        {"backend":"{{backend}}","redis_is_up":{{redisIsUp}},"entries":12,"bytes":3400,"bytes_max":67108864,"evicted":5,
         "total":{"hits":1},"endpoints":[{{endpoints}}]}
        """);
}
