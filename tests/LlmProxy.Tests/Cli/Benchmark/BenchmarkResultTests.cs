using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using LlmProxy.Cli;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace LlmProxy.Tests.Cli.Benchmark;

/// <summary>What is made of answers, good and bad, on one connection.</summary>
public sealed partial class BenchmarkResultTests : IAsyncLifetime
{
    private const string Token = "llmp_token-of-the-tests";
    private const string Fine = """{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}""";

    private readonly Shell _shell = new() { Clock = TimeProvider.System };
    private FakeModel _model = null!;

    public async ValueTask InitializeAsync()
    {
        _model = await FakeModel.StartAsync();
        _shell.Variables["PROXY_URL"] = _model.Address;
        _shell.Variables["PROXY_TOKEN"] = Token;
    }

    public async ValueTask DisposeAsync()
    {
        await _model.DisposeAsync();
        _shell.Dispose();
    }

    [Fact]
    public async Task Answers_are_counted_and_measured()
    {
        _model.Answers(Marked("miss", "llm-proxy;dur=0.200")).Answers(Marked("hit", "x;dur=1, llm-proxy;dur=0.100"));

        var result = Json((await MeasureAsync(2)).Succeeded());

        Assert.Equal(
            ("POST", "closed", 1, 2, 2, 0, 0.0),
            ((string)result["method"]!, (string)result["loop"]!, (int)result["concurrency"]!, (int)result["requests"]!,
                (int)result["succeeded"]!, (int)result["failed"]!, (double)result["failure_percent"]!));
        Assert.Equal("""{"200":2}""", result["statuses"]!.ToJsonString());
        Assert.Equal(2 * Fine.Length, (int)result["bytes_received"]!);
        Assert.Equal("""{"hit":1,"miss":1,"bypass":0}""", result["cache"]!.ToJsonString());
        Assert.Equal((2, 6, 8), Tokens(result));
        Assert.Equal((2, 0.1, 0.2), Spread(result, "proxy_ms"));
        Assert.Equal(1, (int)result["upstream_ms"]!["count"]!);
        Assert.True((double)result["latency_ms"]!["min"]! >= (double)result["first_byte_ms"]!["min"]!);
        Assert.True((double)result["requests_per_second"]! > 0);
        Assert.Null(result["first_token_ms"]);
        Assert.Null(result["failed_latency_ms"]);
    }

    [Fact]
    public async Task Of_a_stream_it_measures_the_first_token_and_the_chunks()
    {
        _model.Streams(
            FakeModel.Piece(string.Empty), FakeModel.Piece("Hel"), FakeModel.Piece("lo"),
            """{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}""", "[DONE]");

        var result = Json((await MeasureAsync(1, "--stream")).Succeeded());

        Assert.Equal(1, (int)result["first_token_ms"]!["count"]!);
        Assert.Equal(3, (int)result["chunk_delay_ms"]!["count"]!);
        Assert.Equal((1, 3, 2), Tokens(result));
    }

    [Fact]
    public async Task A_stream_without_its_end_is_truncated()
    {
        _model.Streams(FakeModel.Piece("Hel"));

        var ended = await MeasureAsync(1, "--stream");

        AssertFailed(ended, ExitCode.Refused, "truncated");
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "truncated", ExitCode.Refused)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata",
        "truncated", ExitCode.Refused)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 1", "reset", ExitCode.Network)]
    [InlineData("", "reset", ExitCode.Network)]
    [InlineData("SSH-2.0-OpenSSH\r\n\r\n", "other", ExitCode.Refused)]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nmany\r\n", "other", ExitCode.Refused)]
    public async Task An_answer_that_breaks_off_or_is_none_is_told_apart(string answer, string kind, int exitCode)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var serving = ServeOnceAsync(listener, answer);

        var ended = await MeasureAsync(1, "--base-url", $"http://{listener.LocalEndpoint}");

        await serving;
        AssertFailed(ended, exitCode, kind);
    }

    [Fact]
    public async Task An_error_in_a_stream_is_a_failure()
    {
        _model.Streams("""{"error":{"message":"Overloaded","code":"busy"}}""", "[DONE]");

        var ended = await MeasureAsync(1, "--stream");

        AssertFailed(ended, ExitCode.Refused, "stream_error");
        Assert.Equal("busy: Overloaded", (string)Json(ended.Output)["first_failures"]!["stream_error"]!);
    }

    [Theory]
    [InlineData(302, "http_3xx", ExitCode.Refused)]
    [InlineData(429, "http_4xx", ExitCode.Refused)]
    [InlineData(503, "http_5xx", ExitCode.Network)]
    public async Task A_status_that_is_no_success_is_a_failure_of_its_class(int status, string kind, int exitCode)
    {
        _model.Answers(status, """{"error":{"message":"No.","code":"no"}}""");

        var ended = await MeasureAsync(1);

        AssertFailed(ended, exitCode, kind);
        Assert.Equal("no: No.", (string)Json(ended.Output)["first_failures"]![kind]!);
    }

    [Fact]
    public async Task A_connection_that_ends_before_the_answer_is_reset()
    {
        _model.Answers(static http =>
        {
            http.Abort();
            return Task.CompletedTask;
        });

        AssertFailed(await MeasureAsync(1), ExitCode.Network, "reset");
    }

    [Fact]
    public async Task An_answer_that_does_not_come_in_time_is_given_up()
    {
        _model.Answers(HangAsync);

        AssertFailed(await MeasureAsync(1, "--timeout", "50ms"), ExitCode.Network, "timeout");
    }

    [Fact]
    public async Task When_nobody_listens_that_is_said()
    {
        await _model.DisposeAsync();

        var ended = await MeasureAsync(3);

        AssertFailed(ended, ExitCode.Network, "connect", 3);
        Assert.Contains("refused", (string)Json(ended.Output)["first_failures"]!["connect"]!,
            StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("0", ExitCode.Refused)]
    [InlineData("49.9%", ExitCode.Refused)]
    [InlineData("50", ExitCode.Ok)]
    public async Task As_many_may_fail_as_one_says(string percent, int exitCode)
    {
        _model.Answers(200, Fine).Answers(500, "{}");

        Assert.Equal(exitCode, (await MeasureAsync(2, "--max-failures", percent)).ExitCode);
    }

    [Fact]
    public async Task The_token_is_not_printed_even_when_the_server_says_it()
    {
        _model.Answers(401, $$$"""{"error":{"message":"{{{Token}}} is not valid.","code":"invalid_token"}}""");
        _model.Answers(401, $$$"""{"error":{"message":"{{{Token}}} is not valid.","code":"invalid_token"}}""");

        var json = await MeasureAsync(1);
        var text = await _shell.RunAsync("benchmark", "-r", "1");

        Assert.Equal((ExitCode.Authentication, ExitCode.Authentication), (json.ExitCode, text.ExitCode));
        Assert.All(
            (string[])[json.Output, json.Errors, text.Output, text.Errors],
            static said => Assert.DoesNotContain(Token, said, StringComparison.Ordinal));
        Assert.Contains("invalid_token: *** is not valid.", text.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Broken_off_it_says_what_there_is_so_far()
    {
        using var stop = new CancellationTokenSource();
        _model.Answers(200, Fine).Answers(async http =>
        {
            await stop.CancelAsync();
            await HangAsync(http);
        });

        var ended = await _shell.RunAsync(stop.Token, "benchmark", "-c", "1", "--json");

        var result = Json(ended.Output);
        Assert.Equal(ExitCode.Interrupted, ended.ExitCode);
        Assert.Equal(
            (true, 1, 1), ((bool)result["interrupted"]!, (int)result["requests"]!, (int)result["unfinished"]!));
    }

    [Fact]
    public async Task A_person_gets_a_table()
    {
        _model.Answers(Marked("miss", "llm-proxy;dur=0.2")).Answers(500, """{"error":{"message":"No.","code":"no"}}""");

        var ended = await _shell.RunAsync("benchmark", "-r", "2", "-c", "1");

        Assert.Equal(ExitCode.Refused, ended.ExitCode);
        Assert.Empty(ended.Errors);
        Assert.Matches(
            """
            ^POST http://127\.0\.0\.1:\d+/v1/chat/completions
            Load: +closed loop, 1 at once
            Requests: +2 in [\d.]+ s: 1 succeeded, 1 failed \(50 %\)
            Rate: +[\d.]+ requests a second
            Received: +\d+ bytes
            Statuses: +1 with 200, 1 with 500
            Failed: +1 http_5xx, first: no: No\.
            Cache: +0 hits, 1 misses, 0 bypassed
            Tokens: +3 of prompts, 4 of answers: [\d.]+ a second

             *MILLISECONDS +MEAN +P50 +P75 +P90 +P95 +P99 +P99\.9 +MAX
            """,
            ended.Output);
        Assert.Equal(
            ["latency", "failed", "first byte", "proxy", "upstream"],
            Row().Matches(ended.Output).Select(static row => row.Groups["label"].Value),
            StringComparer.Ordinal);
    }

    [Fact]
    public async Task The_guide_lists_every_member_of_the_result()
    {
        _model.Answers(200, Fine);
        var result = (JsonObject)Json((await MeasureAsync(1)).Succeeded());

        var guide = await Repository.ReadAsync("docs/guide/performance.md");

        string[] members =
        [
            .. result.Select(static member => member.Key),
            .. ((JsonObject)result["latency_ms"]!).Select(static member => member.Key),
            .. ((JsonObject)result["failures"]!).Select(static member => member.Key),
            .. ((JsonObject)result["cache"]!).Select(static member => member.Key),
            .. ((JsonObject)result["tokens"]!).Select(static member => member.Key),
        ];
        Assert.All(members, member => Assert.Contains($"`{member}`", guide, StringComparison.Ordinal));
    }

    /// <summary>Reads one request, sends these bytes and ends the connection in good order.</summary>
    private static async Task ServeOnceAsync(TcpListener listener, string answer)
    {
        var stop = TestContext.Current.CancellationToken;
        using var client = await listener.AcceptTcpClientAsync(stop);
        var stream = client.GetStream();
        var request = new byte[4096];
        var length = 0;

        // What was left unread would make a reset of the end. The body is JSON, and so is its last byte.
        while (length == 0 || request[length - 1] != '}')
        {
            length += await stream.ReadAsync(request.AsMemory(length), stop);
        }

        await stream.WriteAsync(Encoding.ASCII.GetBytes(answer), stop);
    }

    private Task<Outcome> MeasureAsync(int requests, params string[] flags) =>
        _shell.RunAsync(["benchmark", "-r", $"{requests}", "-c", "1", "--json", .. flags]);

    private static void AssertFailed(Outcome ended, int exitCode, string kind, int count = 1)
    {
        var result = Json(ended.Output);
        var failures = (JsonObject)result["failures"]!;

        Assert.Equal((exitCode, string.Empty), (ended.ExitCode, ended.Errors));
        Assert.Equal((0, count), ((int)result["succeeded"]!, (int)result["failed"]!));
        Assert.Equal(kind, Assert.Single(failures, static pair => (int)pair.Value! > 0).Key);
        Assert.Equal(count, (int)result["failed_latency_ms"]!["count"]!);
    }

    private static Func<HttpContext, Task> Marked(string cacheWord, string timing) => http =>
    {
        http.Response.Headers["X-PROXY-CACHE"] = cacheWord;
        http.Response.Headers["Server-Timing"] = timing;
        return http.Response.WriteAsync(Fine);
    };

    private static async Task HangAsync(HttpContext http) =>
        await Task.WhenAny(Task.Delay(Timeout.Infinite, http.RequestAborted));

    private static JsonNode Json(string text) => JsonNode.Parse(text)!;

    private static (int Reported, int Prompt, int Completion) Tokens(JsonNode result) =>
        ((int)result["tokens"]!["reported"]!, (int)result["tokens"]!["prompt"]!, (int)result["tokens"]!["completion"]!);

    private static (int Count, double Min, double Max) Spread(JsonNode result, string member) =>
        ((int)result[member]!["count"]!, (double)result[member]!["min"]!, (double)result[member]!["max"]!);

    [GeneratedRegex(@"^ *(?<label>[a-z]+(?: [a-z]+)?)(?: +\d+\.\d\d){8}$",
        RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Row();
}
