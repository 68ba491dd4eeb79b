using System.Text.RegularExpressions;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Hostile;

/// <summary>
/// Requests whose end two parsers could see in different places. In each, a second request is hidden; if it ever
/// reaches the upstream, or is answered, somebody's request can be stolen.
/// </summary>
public sealed partial class FramingTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    private const string Chunked = "5\r\nhello\r\n0\r\n\r\n";

    [Theory]
    [InlineData("Content-Length: 5\nTransfer-Encoding: chunked", Chunked)]
    [InlineData("Transfer-Encoding: chunked\nContent-Length: 5", Chunked)]
    [InlineData("Transfer-Encoding: chunked\nTransfer-Encoding: chunked", Chunked)]
    [InlineData("Transfer-Encoding: chunked\nTransfer-Encoding: identity", Chunked)]
    [InlineData("Transfer-Encoding: chunked, chunked", Chunked)]
    [InlineData("Transfer-Encoding: gzip, chunked", Chunked)]
    [InlineData("Transfer-Encoding: chunked, gzip", Chunked)]
    [InlineData("Transfer-Encoding: xchunked", Chunked)]
    [InlineData("Transfer-Encoding: identity", "")]
    [InlineData("Transfer-Encoding: \"chunked\"", Chunked)]
    [InlineData("Transfer-Encoding: chunked;q=1", Chunked)]
    [InlineData("Transfer-Encoding:\u000bchunked", Chunked)]
    [InlineData("Transfer-Encoding : chunked", Chunked)]
    [InlineData("Transfer-Encoding:\n chunked", Chunked)]
    [InlineData("X-Folded: a\n b", "")]
    [InlineData("Content-Length: 5\nContent-Length: 5", "hello")]
    [InlineData("Content-Length: 5\nContent-Length: 6", "hello")]
    [InlineData("Content-Length: 5, 5", "hello")]
    [InlineData("Content-Length: -1", "")]
    [InlineData("Content-Length: 0x5", "hello")]
    [InlineData("Content-Length: 5_0", "hello")]
    [InlineData("Content-Length: 5.0", "hello")]
    [InlineData("Content-Length: 1e1", "hello")]
    [InlineData("Content-Length:", "hello")]
    [InlineData("Content-Length: 99999999999999999999", "hello")]
    [InlineData("Content-Length : 5", "hello")]
    public async Task A_length_that_can_be_read_in_two_ways_is_refused(string lines, string body)
    {
        await RefusedAsync(rig.Head("POST", "/v1/x", lines.Split('\n')) + body + Hidden());
    }

    [Theory]
    [InlineData("5\nhello\n0\n\n")]
    [InlineData("5;ext=\nhello\r\n0\r\n\r\n")]
    [InlineData("5;ext=\rhello\r\n0\r\n\r\n")]
    [InlineData("0x5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("+5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("-5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("5 5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("g\r\nhello\r\n0\r\n\r\n")]
    [InlineData("\r\nhello\r\n0\r\n\r\n")]
    [InlineData("80000000\r\nhello\r\n0\r\n\r\n")]
    [InlineData("ffffffffffffffff\r\nhello\r\n0\r\n\r\n")]
    [InlineData("10000000000000005\r\nhello\r\n0\r\n\r\n")]
    [InlineData("3\r\nhello\r\n0\r\n\r\n")]
    [InlineData("5\r\nhelloXX0\r\n\r\n")]
    [InlineData("5\r\nhello\r\n0\r\nX-Trailer: a\u0000b\r\n\r\n")]
    [InlineData("5\r\nhello\r\n0\r\nX-Trailer: a\rb\r\n\r\n")]
    [InlineData("5\r\nhello\r\n0\r\nX-Trailer : 1\r\n\r\n")]
    [InlineData("5\r\nhello\r\n0\r\nno trailer\r\n\r\n")]
    public async Task A_chunk_that_is_not_one_is_the_clients_fault(string chunks)
    {
        var route = rig.Upstream.Answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

        await RefusedAsync(rig.Head("POST", route.Path, "Transfer-Encoding: chunked") + chunks + Hidden());

        foreach (var request in route.Requests)
        {
            Assert.False((await request.Body).IsComplete);
        }
    }

    [Fact]
    public async Task A_transfer_encoding_in_http_1_0_is_refused()
    {
        var request = rig.Head("POST", "/v1/x", "Transfer-Encoding: chunked", "Connection: keep-alive");

        await RefusedAsync(request.Replace("HTTP/1.1", "HTTP/1.0", StringComparison.Ordinal) + Chunked + Hidden());
    }

    [Fact]
    public async Task Lines_that_end_without_a_carriage_return_are_refused()
    {
        await RefusedAsync(rig.Head("GET", "/v1/x").Replace("\r\n", "\n", StringComparison.Ordinal) + Hidden());
    }

    [Theory]
    [InlineData("X-Bare: a\rb")]
    [InlineData("X-Nul: a\u0000b")]
    [InlineData("X-Control: a\u0001b")]
    [InlineData("X-Control: a\u001fb")]
    [InlineData("X-Delete: a\u007fb")]
    [InlineData("X-Lf: a\nb: c")]
    [InlineData("X Space: 1")]
    [InlineData("X\u00e9: 1")]
    [InlineData(": nameless")]
    [InlineData("NoColon")]
    [InlineData("(comment): 1")]
    public async Task A_header_line_that_is_not_one_is_refused(string line)
    {
        await RefusedAsync(rig.Head("GET", "/v1/x", line) + Hidden());
    }

    [Theory]
    [InlineData("")]
    [InlineData("Host:\r\n")]
    [InlineData("Host: a.test\r\nHost: a.test\r\n")]
    [InlineData("Host: a.test, b.test\r\n")]
    [InlineData("Host: a b\r\n")]
    [InlineData("Host: user@a.test\r\n")]
    [InlineData("Host: a.test/v1\r\n")]
    public async Task A_host_that_is_missing_doubled_or_malformed_is_refused(string host)
    {
        await RefusedAsync($"GET /v1/x HTTP/1.1\r\n{host}Authorization: Bearer {rig.Token.Secret}\r\n\r\n" + Hidden());
    }

    [Theory]
    [InlineData("GET /v1/x\r\n\r\n")]
    [InlineData("GET /v1/x HTTP/1.1 extra\r\nHost: a\r\n\r\n")]
    [InlineData("GET /v1/x HTTP/9.9\r\nHost: a\r\n\r\n")]
    [InlineData("GET /v1/x HTTP/1.2\r\nHost: a\r\n\r\n")]
    [InlineData("GET /v1/x http/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("GET  /v1/x HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("GET\t/v1/x\tHTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData(" GET /v1/x HTTP/1.1\r\nHost: a\r\n\r\n")]
    [InlineData("\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003")]
    [InlineData("\u0000\u0000\u0000\u0000")]
    public async Task A_first_line_that_is_not_one_is_refused(string request)
    {
        await using var client = await rig.ConnectAsync();
        await client.TrySendAsync(request);
        var said = await client.ReadUntilQuietAsync(TimeSpan.FromMilliseconds(300));

        Assert.Empty(rig.Upstream.TakeStrangers());
        Assert.Matches("^(HTTP/1.1 (4..|505) .*)?$", said.Split("\r\n")[0]);
    }

    [Fact]
    public async Task A_client_that_insists_on_http_2_gets_no_service()
    {
        await using var client = await rig.ConnectAsync();
        await client.TrySendAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Hidden());
        var said = await client.ReadUntilQuietAsync(TimeSpan.FromMilliseconds(300));

        Assert.Empty(rig.Upstream.TakeStrangers());
        Assert.DoesNotMatch("HTTP/1.1 [1-3]", said);
    }

    [Fact]
    public async Task A_body_that_a_refused_request_left_behind_is_never_read_as_a_request()
    {
        var smuggled = rig.Upstream.Answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        var body = rig.Head("GET", smuggled.Path);
        await using var client = await rig.ConnectAsync();

        await client.TrySendAsync(
            $"POST /v1/x HTTP/1.1\r\nHost: {rig.Authority}\r\nAuthorization: Bearer llmp_unknown\r\n"
            + $"Content-Length: {body.Length}\r\n\r\n{body}");
        var refused = await client.ReadAnswerAsync();
        await client.TrySendAsync(rig.Head("GET", "/health"));
        var next = await client.ReadAnswerAsync();

        Assert.Equal(401, refused?.Status);
        Assert.Equal(200, next?.Status ?? 200);
        Assert.Empty(smuggled.Requests);
    }

    [Fact]
    public async Task A_body_that_the_upstream_never_read_is_never_read_as_a_request()
    {
        var smuggled = rig.Upstream.Answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        var hasty = rig.Upstream.Does(static async exchange =>
        {
            await exchange.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhasty");
            exchange.Close();
        });
        var body = rig.Head("GET", smuggled.Path);

        for (var i = 0; i < 20; i++)
        {
            await rig.PostAsync(hasty.Path, body);
        }

        Assert.Empty(smuggled.Requests);
        Assert.Empty(rig.Upstream.TakeStrangers());
    }

    /// <summary>A whole request that must not be seen by anyone.</summary>
    private string Hidden() => rig.Head("GET", "/v1/hidden");

    private async Task RefusedAsync(string request)
    {
        await using var client = await rig.ConnectAsync();
        await client.TrySendAsync(request);
        var said = await client.ReadUntilQuietAsync(TimeSpan.FromMilliseconds(300));

        Assert.Empty(rig.Upstream.TakeStrangers());
        Assert.Matches("^(HTTP/1.1 4.. .*)?$", said.Split("\r\n")[0]);
        Assert.InRange(FirstLine().Count(said), 0, 1);
    }

    [GeneratedRegex(@"HTTP/1\.1 \d{3} ", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex FirstLine();
}
