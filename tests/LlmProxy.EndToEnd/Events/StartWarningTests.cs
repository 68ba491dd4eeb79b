using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Events;

/// <summary>A Redis that may lose events is used, and its operator told.</summary>
public sealed class StartWarningTests
{
    private const string NotKept = "keeps no append-only file";
    private const string Evicted = "may evict keys";

    [Fact]
    public async Task A_Redis_that_keeps_everything_is_worth_no_word()
    {
        await using var rig = await BusRig.StartAsync();

        await AssertWarningsAsync(rig);
    }

    [Fact]
    public async Task A_Redis_without_an_append_only_file_is_warned_of()
    {
        await using var rig = await BusRig.StartAsync(await RedisProcess.StartAsync("--appendonly", "no"));

        await AssertWarningsAsync(rig, NotKept);
    }

    [Fact]
    public async Task A_Redis_that_may_evict_is_warned_of()
    {
        await using var rig = await BusRig.StartAsync(
            await RedisProcess.StartAsync("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"));

        await AssertWarningsAsync(rig, Evicted);
    }

    [Fact]
    public async Task A_Redis_with_both_faults_is_warned_of_twice()
    {
        await using var rig = await BusRig.StartAsync(await RedisProcess.StartAsync(
            "--appendonly", "no", "--maxmemory", "100mb", "--maxmemory-policy", "volatile-ttl"));

        await AssertWarningsAsync(rig, NotKept, Evicted);
    }

    /// <summary>Without a bound of its memory, or with one at which it refuses, nothing is evicted.</summary>
    [Theory]
    [InlineData("0", "allkeys-lru")]
    [InlineData("100mb", "noeviction")]
    public async Task A_policy_that_never_comes_to_pass_is_worth_no_word(string memory, string policy)
    {
        await using var rig = await BusRig.StartAsync(
            await RedisProcess.StartAsync("--maxmemory", memory, "--maxmemory-policy", policy));

        await AssertWarningsAsync(rig);
    }

    /// <summary>The check is over long before ten events have gone through, and the server has ended.</summary>
    private static async Task AssertWarningsAsync(BusRig rig, params string[] expected)
    {
        await Eventually.HoldsAsync(
            () => expected.All(said => rig.Proxy.Log.Contains(said, StringComparison.Ordinal)), "it was warned");
        await rig.AskAsync(10);
        await Eventually.AnswersAsync(
            () => rig.Redis.AskAsync("XLEN llm-proxy-events"),
            static answer => answer.StartsWith(":10", StringComparison.Ordinal), "ten events were in the stream");
        var ended = await rig.Proxy.StopAsync();

        var warnings = ended.Errors.Split('\n')
            .Where(static line => line.Contains("\"level\":\"warn", StringComparison.Ordinal)
                && line.Contains("Redis", StringComparison.Ordinal)).ToList();
        Assert.Equal(expected.Length, warnings.Count);
        Assert.All(expected, said => Assert.Single(
            warnings, line => line.Contains(said, StringComparison.Ordinal)));
    }
}
