using System.IO.Compression;
using System.Net;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LlmProxy.Tests.Simulator;

public sealed class FaultsTests : IAsyncLifetime
{
    private const string Chat = "/v1/chat/completions";
    private const string Streamed = """{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]}""";
    private const string Whole = """{"model":"m","messages":[{"role":"user","content":"Hi"}]}""";

    private readonly FakeTimeProvider _clock = new();
    private SimulatorClient _simulator = null!;

    public async ValueTask InitializeAsync() => _simulator = await SimulatorClient.StartAsync(_clock);

    public ValueTask DisposeAsync() => _simulator.DisposeAsync();

    [Theory]
    [InlineData("x-simulator-dealy: 5", "x-simulator-dealy")]
    [InlineData("x-simulator-delay: soon", "x-simulator-delay")]
    [InlineData("x-simulator-delay: -1", "x-simulator-delay")]
    [InlineData("x-simulator-encoding: zstd", "x-simulator-encoding")]
    [InlineData("x-simulator-usage: some", "x-simulator-usage")]
    [InlineData("x-simulator-usage: prompt=1,color=2", "x-simulator-usage")]
    [InlineData("x-simulator-usage: prompt=-1", "x-simulator-usage")]
    [InlineData("x-simulator-usage: prompt=99999999999999999", "x-simulator-usage")]
    [InlineData("x-simulator-header: no colon", "x-simulator-header")]
    [InlineData("x-simulator-header: Content-Length: 3", "x-simulator-header")]
    [InlineData("x-simulator-header: bad name: 3", "x-simulator-header")]
    public async Task Refuses_a_fault_that_it_does_not_know(string header, string name)
    {
        using var answer = await _simulator.GetAsync("/v1/models", header);

        var error = (await SimulatorClient.JsonOf(answer)).GetProperty("error");
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal(name, error.GetProperty("param").GetString());
    }

    [Fact]
    public async Task Waits_before_the_headers_for_as_long_as_asked()
    {
        using var prompt = await _simulator.PostAsync(Chat, Whole, "x-simulator-delay: 0");

        var pending = _simulator.PostAsync(Chat, Whole, "x-simulator-delay: 60000");
        await AssertWaitsAsync(pending);

        using var answer = await AdvanceUntilAsync(pending);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task Waits_between_events_for_as_long_as_asked()
    {
        using var answer = await _simulator.PostAsync(Chat, Streamed, "x-simulator-chunk-delay: 60000");
        await using var body = await answer.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        using var lines = new StreamReader(body);
        Assert.Contains("\"role\"", await lines.ReadLineAsync(TestContext.Current.CancellationToken));
        Assert.Equal("", await lines.ReadLineAsync(TestContext.Current.CancellationToken));

        var second = lines.ReadLineAsync(TestContext.Current.CancellationToken).AsTask();
        await AssertWaitsAsync(second);

        Assert.Contains("Simulated", await AdvanceUntilAsync(second));
    }

    [Theory]
    [InlineData(429, "rate_limit_exceeded")]
    [InlineData(500, "server_error")]
    [InlineData(401, "invalid_request_error")]
    public async Task Fails_with_the_status_and_error_that_were_asked_for(int status, string type)
    {
        using var answer = await _simulator.PostAsync(Chat, Whole, $"x-simulator-status: {status}");

        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal(type, (await SimulatorClient.JsonOf(answer)).GetProperty("error").GetProperty("type").GetString());
    }

    [Theory]
    [InlineData("1", "x-simulator-status: 429")]
    [InlineData("30", "x-simulator-status: 429", "x-simulator-retry-after: 30")]
    public async Task Says_when_to_come_back_after_a_rate_limit(string seconds, params string[] headers)
    {
        using var answer = await _simulator.PostAsync(Chat, Whole, headers);

        Assert.Equal([seconds], answer.Headers.GetValues("Retry-After"), StringComparer.Ordinal);
    }

    [Fact]
    public async Task Cuts_the_connection_after_so_many_bytes()
    {
        var answer = await _simulator.SendRawAsync(
            "GET /v1/simulator/bytes/1000 HTTP/1.1\r\nHost: s\r\nx-api-key: k\r\n"
            + "x-simulator-cut-after-bytes: 100\r\n\r\n");

        Assert.Contains("Content-Length: 1000", answer);
        Assert.Equal(100, answer.Length - answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) - 4);
        await Condition.HoldsAsync(() => _simulator.Traffic.Cut == 1);
        Assert.Equal(0, _simulator.Traffic.Aborted);
    }

    [Fact]
    public async Task Cuts_the_connection_before_the_headers()
    {
        var answer = await _simulator.SendRawAsync(
            "GET /v1/models HTTP/1.1\r\nHost: s\r\nx-api-key: k\r\nx-simulator-cut-before-headers: true\r\n\r\n");

        Assert.Equal("", answer);
    }

    [Fact]
    public async Task Cuts_a_stream_after_so_many_events_and_never_ends_it_cleanly()
    {
        using var answer = await _simulator.PostAsync(Chat, Streamed, "x-simulator-cut-after-events: 3");

        var body = await answer.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        var received = new MemoryStream();
        await Assert.ThrowsAnyAsync<IOException>(
            () => body.CopyToAsync(received, TestContext.Current.CancellationToken));
        Assert.Equal(3, ServerEvent.Parse(Encoding.UTF8.GetString(received.ToArray())).Count);
    }

    [Theory]
    [InlineData("headers")]
    [InlineData("body")]
    public async Task Hangs_until_the_client_leaves_and_notes_that_it_left(string where)
    {
        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        using var request = _simulator.Request(
            HttpMethod.Get,
            "/v1/simulator/bytes/1000",
            null,
            $"x-simulator-hang: {where}",
            "x-simulator-chunk-bytes: 10");
        var pending = ReadWholeAsync(request, leaving.Token);
        await Condition.HoldsAsync(() => _simulator.Traffic.Open == 1);

        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pending);
        await Condition.HoldsAsync(() => _simulator.Traffic.Aborted == 1);
        Assert.Equal("/v1/simulator/bytes/1000", Assert.Single(_simulator.Traffic.Departures).Path);
        Assert.Equal(0, _simulator.Traffic.Open);
    }

    [Fact]
    public async Task Packs_a_stream_so_that_each_event_can_be_read_at_once()
    {
        using var answer = await _simulator.PostAsync(
            Chat, Streamed, "x-simulator-encoding: gzip", "x-simulator-cut-after-events: 1");
        await using var body = await answer.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        await using var unpacked = new GZipStream(body, CompressionMode.Decompress);
        using var lines = new StreamReader(unpacked);

        Assert.Equal(["gzip"], answer.Content.Headers.ContentEncoding);
        Assert.Contains("\"role\"", await lines.ReadLineAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Packs_a_whole_answer_that_unpacks_to_the_plain_one()
    {
        using var plain = await _simulator.PostAsync(Chat, Whole);
        using var packed = await _simulator.PostAsync(Chat, Whole, "x-simulator-encoding: gzip");

        await using var body = await packed.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        await using var unpacked = new GZipStream(body, CompressionMode.Decompress);
        using var reader = new StreamReader(unpacked);
        Assert.Equal(
            await SimulatorClient.TextOf(plain),
            await reader.ReadToEndAsync(TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(Whole)]
    [InlineData(Streamed)]
    public async Task Packs_with_brotli_too(string request)
    {
        using var plain = await _simulator.PostAsync(Chat, request);
        using var packed = await _simulator.PostAsync(Chat, request, "x-simulator-encoding: br");

        await using var body = await packed.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        await using var unpacked = new BrotliStream(body, CompressionMode.Decompress);
        using var reader = new StreamReader(unpacked);
        Assert.Equal(["br"], packed.Content.Headers.ContentEncoding);
        Assert.Equal(
            await SimulatorClient.TextOf(plain),
            await reader.ReadToEndAsync(TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(Whole)]
    [InlineData(Streamed)]
    public async Task Ends_a_truncated_body_in_good_order_and_before_what_was_packed(string request)
    {
        using var whole = await _simulator.PostAsync(Chat, request, "x-simulator-encoding: gzip");
        using var truncated = await _simulator.PostAsync(Chat, request, "x-simulator-encoding: gzip-truncated");

        var all = await whole.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        var some = await truncated.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        Assert.Equal(["gzip"], truncated.Content.Headers.ContentEncoding);
        Assert.InRange(some.Length, 1, all.Length - 1);
        Assert.Equal(all.Take(some.Length), some);
    }

    [Fact]
    public async Task Sends_the_body_a_byte_at_a_time()
    {
        var answer = await _simulator.SendRawAsync(
            "POST /v1/simulator/mirror HTTP/1.1\r\nHost: s\r\nConnection: close\r\nx-api-key: k\r\n"
            + "x-simulator-chunk-bytes: 1\r\nContent-Length: 3\r\n\r\nabc");

        Assert.EndsWith("1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n", answer);
    }

    [Fact]
    public async Task Sends_the_headers_and_cookies_that_were_asked_for()
    {
        using var answer = await _simulator.GetAsync(
            "/v1/models",
            "x-simulator-header: X-Twice: 1 | X-Twice: 2 | openai-version: other",
            "x-simulator-set-cookie: a=b; Path=/");

        Assert.Equal(["1", "2"], answer.Headers.GetValues("X-Twice"), StringComparer.Ordinal);
        Assert.Equal(["other"], answer.Headers.GetValues("openai-version"), StringComparer.Ordinal);
        Assert.Equal(["a=b; Path=/"], answer.Headers.GetValues("Set-Cookie"), StringComparer.Ordinal);
    }

    [Fact]
    public async Task Counts_request_ids_unless_told_otherwise()
    {
        using var counted = await _simulator.GetAsync("/v1/models");
        using var named = await _simulator.GetAsync("/v1/models", "x-simulator-request-id: mine");
        using var absent = await _simulator.GetAsync("/v1/models", "x-simulator-request-id: none");

        Assert.Equal("req_00000000000000000000000000000001", counted.Headers.GetValues("x-request-id").Single());
        Assert.Equal(["mine"], named.Headers.GetValues("x-request-id"), StringComparer.Ordinal);
        Assert.False(absent.Headers.Contains("x-request-id"));
    }

    [Fact]
    public async Task Sends_trailers_behind_the_last_chunk()
    {
        var answer = await _simulator.SendRawAsync(
            "GET /v1/simulator/bytes/3 HTTP/1.1\r\nHost: s\r\nConnection: close\r\nx-api-key: k\r\n"
            + "x-simulator-trailer: X-Sum: 7\r\n\r\n");

        Assert.Contains("Trailer: X-Sum\r\n", answer);
        Assert.EndsWith("\r\n\r\n3\r\n\0\u0001\u0002\r\n0\r\nX-Sum: 7\r\n\r\n", answer);
    }

    [Fact]
    public async Task Sends_early_hints_ahead_of_the_answer()
    {
        var answer = await _simulator.SendRawAsync(
            "GET /v1/models HTTP/1.1\r\nHost: s\r\nConnection: close\r\nx-api-key: k\r\n"
            + "x-simulator-early-hints: </a>; rel=preload\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\n", answer);
    }

    [Fact]
    public async Task Takes_the_body_of_the_request_slowly()
    {
        const string Echo = "/v1/simulator/echo";
        using var prompt = await _simulator.PostAsync(Echo, Body(), "x-simulator-read-delay: 0");

        var pending = _simulator.PostAsync(Echo, Body(), "x-simulator-read-delay: 60000");
        await AssertWaitsAsync(pending);

        using var answer = await AdvanceUntilAsync(pending);

        var seen = (await SimulatorClient.JsonOf(answer)).GetProperty("body");
        Assert.Equal(10_000, seen.GetProperty("bytes").GetInt32());
    }

    private static ByteArrayContent Body() => new(new byte[10_000]);

    // What does not wait is over by the time that ten later requests are.
    private async Task AssertWaitsAsync(Task pending)
    {
        await Condition.HoldsAsync(() => _simulator.Traffic.Open == 1);
        for (var i = 0; i < 10; i++)
        {
            using var other = await _simulator.GetAsync("/v1/models");
        }

        Assert.False(pending.IsCompleted);
    }

    // The waits are on the fake clock, so time moves only when the test moves it.
    private async Task<T> AdvanceUntilAsync<T>(Task<T> pending)
    {
        await Condition.HoldsAsync(() =>
        {
            _clock.Advance(TimeSpan.FromSeconds(60));
            return pending.IsCompleted;
        });
        return await pending;
    }

    private async Task<byte[]> ReadWholeAsync(HttpRequestMessage request, CancellationToken cancelled)
    {
        using var answer = await _simulator.SendAsync(request, cancelled);
        return await answer.Content.ReadAsByteArrayAsync(cancelled);
    }
}
