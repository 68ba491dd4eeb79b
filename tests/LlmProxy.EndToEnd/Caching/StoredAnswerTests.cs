using System.Globalization;
using System.IO.Compression;
using System.Text;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Caching;

/// <summary>What is kept is what came, and only what came whole.</summary>
public sealed class StoredAnswerTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    private const string Events =
        "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n: a comment\n\n"
        + "data: {\"x\":1}\r\n\r\ndata: [DONE]\n\n";

    private static readonly string[] OwnHeaders =
    [
        "Age", "Cache-Status", "X-PROXY-CACHE", "X-LLM-Proxy-Request-ID", "X-Request-ID", "Server-Timing",
        "X-Token-Expires-In", "Connection", "Transfer-Encoding", "Content-Length",
    ];

    [Fact]
    public async Task A_replayed_answer_has_the_bytes_and_the_header_fields_of_the_first_one()
    {
        var body = Enumerable.Range(0, 70_000).Select(static i => (byte)(i * 31)).ToArray();
        var route = rig.Upstream.Does(exchange => exchange.AnswerAsync(
            200, body, "Cache-Control: max-age=60", "Content-Type: application/octet-stream", "X-Twice: one",
            "X-Twice: two", "X-Empty:", "X-Latin: caf\u00e9", "openai-processing-ms: 12",
            $"Date: {TimeProvider.System.GetUtcNow():R}", "Cache-Status: upstream; hit"));

        var first = await rig.GetAsync(route.Path);
        var second = await rig.GetAsync(route.Path);

        Assert.Single(route.Requests);
        Assert.Equal(body, first.Body.Content);
        Assert.Equal(body, second.Body.Content);
        Assert.Equal(body.Length, second.Head.ContentLength);
        Assert.Equal(FieldsOf(first), FieldsOf(second));
        Assert.Equal(["one", "two"], second.Head.Values("X-Twice"));
        Assert.Equal("upstream; hit", second.Head.Values("Cache-Status")[0]);
        Assert.StartsWith("llm-proxy; hit; ttl=", second.Head.Values("Cache-Status")[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_compressed_answer_is_replayed_as_it_was_compressed()
    {
        var body = await GzipAsync("some text that is compressed");
        var route = rig.Upstream.Does(exchange => exchange.AnswerAsync(
            200, body, "Cache-Control: max-age=60", "Content-Encoding: gzip", "Vary: Accept-Encoding"));

        await rig.GetAsync(route.Path, "Accept-Encoding: gzip");
        var second = await rig.GetAsync(route.Path, "Accept-Encoding:  gzip ");
        var other = await rig.GetAsync(route.Path, "Accept-Encoding: br");

        Assert.Equal(body, second.Body.Content);
        Assert.Equal("hit", second.Head.Value("X-PROXY-CACHE"));
        Assert.Equal("miss", other.Head.Value("X-PROXY-CACHE"));
        Assert.Equal(2, route.Requests.Count);
    }

    [Fact]
    public async Task A_stream_that_ended_as_it_should_is_replayed_event_by_event()
    {
        var route = Streams(Events, endsAt: Events.Length);

        var first = await rig.GetAsync(route.Path);
        var second = await rig.GetAsync(route.Path);

        Assert.Single(route.Requests);
        Assert.Equal(Events, first.Body.Text);
        Assert.Equal(Events, second.Body.Text);
        Assert.True(second.Head.IsChunked);
        Assert.Equal(
            [
                "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n".Length, ": a comment\n\n".Length,
                "data: {\"x\":1}\r\n\r\n".Length, "data: [DONE]\n\n".Length,
            ],
            second.Body.ChunkSizes);
    }

    [Fact]
    public async Task A_stream_that_is_cut_at_any_of_its_pieces_is_never_stored()
    {
        for (var cut = 0; cut < Events.Length - 3; cut += 5)
        {
            var (endsAt, calls) = (cut, 0);
            var route = rig.Upstream.Does(async exchange =>
            {
                // The framing ends as it should; only the terminal event is missing.
                var isFirst = Interlocked.Increment(ref calls) == 1;
                await WriteStreamAsync(exchange, isFirst ? Events[..endsAt] : Events);
            });

            Assert.Equal(Events[..endsAt], (await rig.GetAsync(route.Path)).Body.Text);
            Assert.Equal(Events, (await rig.GetAsync(route.Path)).Body.Text);
        }
    }

    [Fact]
    public async Task An_answer_that_breaks_off_is_never_stored()
    {
        var calls = 0;
        var route = rig.Upstream.Does(async exchange =>
        {
            if (Interlocked.Increment(ref calls) > 1)
            {
                await exchange.AnswerAsync(200, "0123456789"u8.ToArray(), "Cache-Control: max-age=60");
                return;
            }

            await exchange.WriteAsync(
                "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 10\r\n\r\n01234");
            exchange.Close();
        });

        var first = await rig.GetAsync(route.Path);
        Assert.False(first.Body.IsComplete);
        Assert.Equal("01234", first.Body.Text);

        var second = await rig.GetAsync(route.Path);
        Assert.Equal("0123456789", second.Body.Text);
        Assert.Equal("miss", second.Head.Value("X-PROXY-CACHE"));
    }

    [Fact]
    public async Task An_answer_that_becomes_too_long_reaches_its_client_whole_and_is_not_stored()
    {
        var body = new string('x', 3 * 1024 * 1024);
        var route = rig.Upstream.Does(async exchange =>
        {
            await exchange.ReadBodyAsync();
            await exchange.WriteAsync(
                "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n");
            foreach (var piece in body.Chunk(50_000))
            {
                await exchange.WriteAsync(
                    $"{piece.Length.ToString("x", CultureInfo.InvariantCulture)}\r\n{new string(piece)}\r\n");
            }

            await exchange.WriteAsync("0\r\n\r\n");
        });

        Assert.Equal(body.Length, (await rig.GetAsync(route.Path)).Body.Content.Length);
        Assert.Equal(body.Length, (await rig.GetAsync(route.Path)).Body.Content.Length);
        Assert.Equal(2, route.Requests.Count);
    }

    [Fact]
    public async Task A_hit_answers_a_head_a_range_and_a_condition()
    {
        var route = rig.Upstream.Does(exchange => exchange.AnswerAsync(
            200, "0123456789"u8.ToArray(), "Cache-Control: max-age=60", "ETag: \"v1\""));
        await rig.GetAsync(route.Path);

        var head = await rig.Proxy.AskAsync(rig.Head("HEAD", route.Path), "HEAD");
        var range = await rig.GetAsync(route.Path, "Range: bytes=2-4");
        var known = await rig.GetAsync(route.Path, "If-None-Match: \"v0\", \"v1\"");

        Assert.Equal((200, 10L), (head!.Status, head.Head.ContentLength));
        Assert.Equal((206, "234", "bytes 2-4/10"), (range.Status, range.Body.Text, range.Head.Value("Content-Range")));
        Assert.Equal((304, "\"v1\""), (known.Status, known.Head.Value("ETag")));
        Assert.Single(route.Requests);
    }

    [Fact]
    public async Task What_is_stale_is_validated_and_served_again()
    {
        var route = rig.Upstream.Does(async exchange =>
        {
            var isKnown = exchange.Head.Value("If-None-Match") == "\"v1\"";
            await exchange.AnswerAsync(
                isKnown ? 304 : 200, isKnown ? default : "text"u8.ToArray(), "Cache-Control: max-age=0",
                "ETag: \"v1\"");
        });
        await rig.GetAsync(route.Path);

        var second = await rig.GetAsync(route.Path);

        Assert.Equal((200, "text"), (second.Status, second.Body.Text));
        Assert.Equal("\"v1\"", route.Requests.Last().Head.Value("If-None-Match"));
        Assert.Contains("fwd-status=304", second.Head.Value("Cache-Status"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_stale_is_served_when_the_provider_cannot_be_reached_unless_that_is_forbidden()
    {
        var isAway = false;
        UpstreamRoute Route(string cacheControl) => rig.Upstream.Does(async exchange =>
        {
            if (isAway)
            {
                exchange.Reset();
                return;
            }

            await exchange.AnswerAsync(200, "kept"u8.ToArray(), $"Cache-Control: {cacheControl}", "ETag: \"v1\"");
        });
        var (lenient, strict) = (Route("max-age=0"), Route("max-age=0, must-revalidate"));
        await rig.GetAsync(lenient.Path);
        await rig.GetAsync(strict.Path);

        isAway = true;

        Assert.Equal("kept", (await rig.GetAsync(lenient.Path)).Body.Text);
        Assert.Equal(502, (await rig.GetAsync(strict.Path)).Status);
    }

    [Fact]
    public async Task An_answer_is_served_stale_while_it_is_validated_in_the_background()
    {
        var calls = 0;
        var route = rig.Upstream.Does(exchange => exchange.AnswerAsync(
            200, Encoding.UTF8.GetBytes($"{Interlocked.Increment(ref calls)}"),
            "Cache-Control: max-age=0, stale-while-revalidate=60", "ETag: \"v\""));
        Assert.Equal("1", (await rig.GetAsync(route.Path)).Body.Text);

        Assert.Equal("1", (await rig.GetAsync(route.Path)).Body.Text);
        await Eventually.AnswersAsync(() => Task.FromResult(calls), static count => count >= 2, "a validation");
        await Eventually.AnswersAsync(
            async () => (await rig.GetAsync(route.Path)).Body.Text, static text => text != "1", "the new answer");
    }

    [Fact]
    public async Task What_only_the_cache_may_answer_is_refused_when_it_cannot()
    {
        var route = rig.Upstream.Does(exchange => exchange.AnswerAsync(
            200, "text"u8.ToArray(), "Cache-Control: max-age=60"));

        var before = await rig.GetAsync(route.Path, "Cache-Control: only-if-cached");
        Assert.Empty(route.Requests);
        await rig.GetAsync(route.Path);
        var after = await rig.GetAsync(route.Path, "Cache-Control: only-if-cached");

        Assert.Equal(504, before.Status);
        Assert.Contains("not_in_cache", before.Body.Text, StringComparison.Ordinal);
        Assert.Equal(200, after.Status);
    }

    private UpstreamRoute Streams(string text, int endsAt) =>
        rig.Upstream.Does(exchange => WriteStreamAsync(exchange, text[..endsAt]));

    private static async Task WriteStreamAsync(UpstreamExchange exchange, string text)
    {
        await exchange.ReadBodyAsync();
        await exchange.WriteAsync(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: max-age=60\r\n"
            + "Transfer-Encoding: chunked\r\n\r\n");
        foreach (var piece in text.Chunk(7))
        {
            await exchange.WriteAsync($"{piece.Length:x}\r\n{new string(piece)}\r\n");
        }

        await exchange.WriteAsync("0\r\n\r\n");
    }

    private static List<string> FieldsOf(RawAnswer answer) =>
    [
        .. answer.Head.Headers
            .Where(static header => !OwnHeaders.Contains(header.Name, StringComparer.OrdinalIgnoreCase))
            .Select(static header => $"{header.Name}: {header.Value}").Order(StringComparer.Ordinal),
    ];

    private static async Task<byte[]> GzipAsync(string text)
    {
        using var bytes = new MemoryStream();
        await using (var gzip = new GZipStream(bytes, CompressionLevel.Fastest))
        {
            await gzip.WriteAsync(Encoding.UTF8.GetBytes(text), TestContext.Current.CancellationToken);
        }

        return bytes.ToArray();
    }
}
