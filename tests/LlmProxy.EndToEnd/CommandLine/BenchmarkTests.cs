using System.Text.Json;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.CommandLine;

/// <summary>
/// <c>llm-proxy benchmark</c> against the proxy before the simulator, which is slow or fails as asked.
/// </summary>
public sealed class BenchmarkTests(ProxyBeforeSimulator rig) : IClassFixture<ProxyBeforeSimulator>, IDisposable
{
    private readonly TempFolder _folder = new();

    private string Address => rig.Proxy.Address.GetLeftPart(UriPartial.Authority);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_closed_loop_asks_as_often_as_it_was_told_and_measures_every_answer()
    {
        var token = await rig.Proxy.Management.CreateTokenAsync();

        var ended = await RunWithAsync(token.Secret, "--requests", "200", "--concurrency", "8");

        var result = ResultOf(ended, 0);
        Assert.Equal((200, 200), (Number(result, "requests"), Number(result, "succeeded")));
        Assert.Equal("closed", result.GetProperty("loop").GetString());
        Assert.Equal(200, Number(result, "statuses", "200"));
        Assert.All(
            (string[])["latency_ms", "service_ms", "first_byte_ms", "proxy_ms", "upstream_ms"],
            member => AssertOrdered(result.GetProperty(member), 200));
        Assert.True(Number(result, "proxy_ms", "max") < Number(result, "latency_ms", "max"));
        Assert.Equal(200, Number(result, "tokens", "reported"));
        Assert.True(Number(result, "tokens", "completion_per_second") > 0);
        Assert.True(Number(result, "bytes_received") > 200 * 100);
        await Eventually.AnswersAsync(
            () => rig.Proxy.Management.RequestCountAsync(token), static count => count == 200, "200 were counted");
    }

    [Fact]
    public async Task An_open_loop_sends_what_is_due_and_no_sooner()
    {
        var ended = await RunAsync("--rate", "100", "--duration", "2s");

        var result = ResultOf(ended, 0);
        Assert.Equal(("open", 200), (result.GetProperty("loop").GetString(), Number(result, "requests")));
        Assert.InRange(Number(result, "duration_seconds"), 1.99, 15);
        Assert.InRange(Number(result, "requests_per_second"), 10, 100.6);
        AssertOrdered(result.GetProperty("send_delay_ms"), 200);
    }

    [Fact]
    public async Task An_open_loop_shows_the_stall_that_a_closed_one_hides()
    {
        string[] slow = ["--concurrency", "1", "--header", "x-simulator-delay: 200"];

        var closed = ResultOf(await RunAsync([.. slow, "--requests", "5"]), 0);
        var open = ResultOf(await RunAsync([.. slow, "--rate", "50", "--duration", "1s", "--timeout", "3s"]), 4);

        Assert.InRange(Number(closed, "latency_ms", "p50"), 200, 1500);
        Assert.InRange(Number(open, "service_ms", "p50"), 200, 1500);
        Assert.InRange(Number(open, "latency_ms", "max"), 1500, 3500);

        // Which of the two depends on milliseconds: whether any patience was left when the connection was free.
        Assert.True(Number(open, "failures", "timeout") + Number(open, "failures", "not_sent") > 0);
        Assert.Equal(50, Number(open, "requests"));
    }

    [Fact]
    public async Task Of_streams_it_measures_the_first_token_and_the_chunks()
    {
        var ended = await RunAsync(
            "--stream", "--requests", "20", "--concurrency", "4", "--header", "x-simulator-chunks: 10",
            "--header", "x-simulator-chunk-delay: 5");

        var result = ResultOf(ended, 0);
        AssertOrdered(result.GetProperty("first_token_ms"), 20);
        Assert.InRange(Number(result, "chunk_delay_ms", "count"), 20 * 10, 20 * 13);
        Assert.InRange(Number(result, "chunk_delay_ms", "p75"), 3, 500);
        Assert.True(Number(result, "first_token_ms", "p50") < Number(result, "latency_ms", "p50"));
        Assert.Equal((20, 200), (Number(result, "tokens", "reported"), Number(result, "tokens", "completion")));
    }

    [Theory]
    [InlineData("x-simulator-status: 503", 2, "http_5xx")]
    [InlineData("x-simulator-status: 429", 4, "http_4xx")]
    [InlineData("x-simulator-cut-after-events: 2", 4, "truncated")]
    [InlineData("x-simulator-hang: headers", 2, "timeout")]
    public async Task When_the_provider_fails_the_exit_code_says_so(string fault, int exitCode, string kind)
    {
        var ended = await RunAsync(
            "--stream", "--requests", "6", "--concurrency", "3", "--timeout", "2s", "--header", fault);

        var result = ResultOf(ended, exitCode);
        Assert.Equal((6, 100), (Number(result, "failures", kind), Number(result, "failure_percent")));
        Assert.True(result.GetProperty("first_failures").TryGetProperty(kind, out _));
    }

    [Fact]
    public async Task Failures_that_are_allowed_are_no_failure_of_the_command()
    {
        var ended = await RunAsync("--requests", "5", "--max-failures", "100", "--header", "x-simulator-status: 500");

        Assert.Equal(5, Number(ResultOf(ended, 0), "failed"));
    }

    [Fact]
    public async Task A_token_that_is_none_is_exit_code_3_and_still_not_printed()
    {
        var ended = await RunWithAsync("llmp_unknown-token-of-nobody", "--requests", "5");

        Assert.Equal(5, Number(ResultOf(ended, 3), "statuses", "401"));
        Assert.DoesNotContain("llmp_unknown", ended.Output + ended.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task When_nobody_listens_it_is_exit_code_2()
    {
        var nowhere = RawUpstream.Nowhere().GetLeftPart(UriPartial.Authority);

        var ended = await Executable.RunAsync(
            _folder.Path, [("PROXY_TOKEN", "any"), ("PROXY_URL", nowhere)], string.Empty,
            "benchmark", "--requests", "20", "--json");

        Assert.Equal(20, Number(ResultOf(ended, 2), "failures", "connect"));
    }

    [Fact]
    public async Task Hits_of_the_cache_are_counted_and_cost_no_time_upstream()
    {
        var ended = await RunAsync(
            "--requests", "20", "--concurrency", "1", "--method", "GET", "--endpoint", "/v1/models",
            "--header", "x-simulator-header: Cache-Control: max-age=60");

        var result = ResultOf(ended, 0);
        Assert.Equal((19, 1), (Number(result, "cache", "hit"), Number(result, "cache", "miss")));
        Assert.Equal((20, 1), (Number(result, "proxy_ms", "count"), Number(result, "upstream_ms", "count")));
    }

    [Fact]
    public async Task Ctrl_c_prints_what_there_is_so_far()
    {
        var token = await rig.Proxy.Management.CreateTokenAsync();
        await using var process = Executable.Start(
            _folder.Path, [("PROXY_TOKEN", token.Secret)], "benchmark", "--base-url", Address, "--duration", "10m",
            "--concurrency", "2", "--json");
        await Eventually.AnswersAsync(
            () => rig.Proxy.Management.RequestCountAsync(token), static count => count > 10, "some were answered");

        await process.InterruptAsync();

        var result = ResultOf(await process.EndAsync(), 130);
        Assert.True(result.GetProperty("interrupted").GetBoolean());
        Assert.True(Number(result, "succeeded") > 10);
        Assert.Equal(0, Number(result, "failed"));
        Assert.InRange(Number(result, "unfinished"), 0, 2);
    }

    [Fact]
    public async Task A_person_gets_a_table_and_no_token()
    {
        var ended = await Executable.RunAsync(
            _folder.Path, [("PROXY_TOKEN", rig.Token.Secret), ("PROXY_URL", Address)], string.Empty,
            "benchmark", "--requests", "10", "--warmup", "5");

        Assert.Equal((0, string.Empty), (ended.ExitCode, ended.Errors));
        Assert.Contains("10 succeeded, 0 failed (0 %)", ended.Output, StringComparison.Ordinal);
        Assert.Contains("P99.9", ended.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(rig.Token.Secret, ended.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_flag_is_exit_code_1()
    {
        var refused = await RunAsync("--rate", "fast");

        Assert.Equal((1, string.Empty), (refused.ExitCode, refused.Output));
        Assert.Contains("--rate", refused.Errors, StringComparison.Ordinal);
    }

    private Task<CommandResult> RunAsync(params string[] flags) =>
        RunWithAsync(rig.Token.Secret, flags);

    /// <summary>The token goes through the input, so that nobody sees it among the processes.</summary>
    private Task<CommandResult> RunWithAsync(string secret, params string[] flags) => Executable.RunAsync(
        _folder.Path, [], secret + "\n", ["benchmark", "--base-url", Address, "--token", "-", "--json", .. flags]);

    private JsonElement ResultOf(CommandResult ended, int exitCode)
    {
        Assert.True(ended.ExitCode == exitCode, $"exit code {ended.ExitCode}\n{ended.Output}\n{ended.Errors}");
        Assert.Empty(ended.Errors);
        Assert.DoesNotContain(rig.Token.Secret, ended.Output, StringComparison.Ordinal);
        return JsonDocument.Parse(ended.Output).RootElement;
    }

    private static double Number(JsonElement result, params string[] path) =>
        path.Aggregate(result, static (value, member) => value.GetProperty(member)).GetDouble();

    private static void AssertOrdered(JsonElement spread, int count)
    {
        string[] members = ["min", "p50", "p75", "p90", "p95", "p99", "p99_9", "max"];
        var values = members.Select(member => Number(spread, member)).ToList();

        Assert.Equal(count, Number(spread, "count"));
        Assert.True(values[0] >= 0, spread.ToString());
        Assert.Equal(values.Order(), values);
        Assert.InRange(Number(spread, "mean"), values[0], values[^1]);
    }
}
