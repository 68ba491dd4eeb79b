using System.Diagnostics;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Transparency;

/// <summary>Streams: nothing is held back, nothing is made up, and whoever leaves is noticed at once.</summary>
public sealed class StreamTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    private const string StreamHead =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

    [Fact]
    public async Task Each_byte_passes_before_the_next_is_sent()
    {
        const string Text = "data: one byte at a time\n\n";
        using var acknowledged = new SemaphoreSlim(0);
        var route = rig.Upstream.Does(async exchange =>
        {
            await exchange.WriteAsync(StreamHead);
            foreach (var character in Text)
            {
                await exchange.WriteAsync($"1\r\n{character}\r\n");
                Assert.True(await acknowledged.WaitAsync(Eventually.Patience));
            }

            await exchange.WriteAsync("0\r\n\r\n");
        });

        await using var stream = await OpenAsync(route.Path);
        var received = string.Empty;
        var buffer = new byte[64];
        while (await stream.ReadAsync(buffer, TestContext.Current.CancellationToken) is var read and > 0)
        {
            Assert.Equal(1, read);
            received += (char)buffer[0];
            acknowledged.Release();
        }

        Assert.Equal(Text, received);
    }

    [Fact]
    public async Task The_head_of_an_answer_passes_before_its_first_byte()
    {
        using var acknowledged = new SemaphoreSlim(0);
        var route = rig.Upstream.Does(async exchange =>
        {
            await exchange.WriteAsync(StreamHead);
            Assert.True(await acknowledged.WaitAsync(Eventually.Patience));
            await exchange.WriteAsync("2\r\nok\r\n0\r\n\r\n");
        });
        await using var client = await rig.ConnectAsync();

        await client.SendAsync(rig.Head("GET", route.Path));
        var (head, _) = await client.ReadHeadAsync();
        acknowledged.Release();

        Assert.Equal("ok", (await client.ReadBodyAsync(head!)).Text);
    }

    [Fact]
    public async Task An_upload_passes_on_while_it_still_arrives()
    {
        using var seen = new SemaphoreSlim(0);
        var route = rig.Upstream.Does(async exchange =>
        {
            seen.Release();
            Assert.Equal("first+second", (await exchange.ReadBodyAsync()).Text);
            await exchange.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        });
        await using var client = await rig.ConnectAsync();

        await client.SendAsync(rig.Head("POST", route.Path, "Content-Length: 12") + "first+");
        Assert.True(await seen.WaitAsync(Eventually.Patience, TestContext.Current.CancellationToken));
        await client.SendAsync("second");

        Assert.Equal("ok", (await client.ReadAnswerAsync())?.Body.Text);
    }

    [Fact]
    public async Task An_answer_that_comes_before_the_upload_has_ended_is_the_answer()
    {
        var route = rig.Upstream.Does(static async exchange =>
        {
            await exchange.WriteAsync("HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge");
            await exchange.ReadBodyAsync();
        });

        var answer = await rig.PostAsync(route.Path, new string('x', 1_000_000));

        Assert.Equal(413, answer.Status);
        Assert.Equal("large", answer.Body.Text);
    }

    [Fact]
    public async Task The_upstream_learns_within_a_tenth_of_a_second_that_the_client_has_left_a_stream()
    {
        var route = rig.Upstream.Does(async exchange =>
        {
            await exchange.WriteAsync(StreamHead + "6\r\ndata: \r\n");
            await exchange.WaitUntilGoneAsync();
        });

        var delay = await MedianDelayAsync(route, async client =>
        {
            await client.ReadHeadAsync();
            Assert.NotEmpty(await client.ReadSomeAsync());
        });

        Assert.InRange(delay, TimeSpan.Zero, TimeSpan.FromMilliseconds(100));
    }

    [Fact]
    public async Task The_upstream_learns_within_a_tenth_of_a_second_that_the_client_has_left_before_the_answer()
    {
        var route = rig.Upstream.Does(static exchange => exchange.WaitUntilGoneAsync());

        var seen = 0;
        var delay = await MedianDelayAsync(route, async _ =>
        {
            seen++;
            await Eventually.HoldsAsync(() => route.Requests.Count == seen, "the request reached the upstream");
        });

        Assert.InRange(delay, TimeSpan.Zero, TimeSpan.FromMilliseconds(100));
    }

    [Fact]
    public async Task An_upload_that_breaks_off_never_looks_complete_to_the_upstream()
    {
        var route = rig.Upstream.Does(static async exchange => await exchange.ReadBodyAsync());
        var client = await rig.ConnectAsync();

        await client.SendAsync(rig.Head("POST", route.Path, "Transfer-Encoding: chunked") + "5\r\nhello\r\n");
        await Eventually.HoldsAsync(() => route.Requests.Count == 1, "the upload began");
        client.Reset();

        Assert.False((await route.Request.Body).IsComplete);
    }

    [Theory]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\nff\r\nhello")]
    [InlineData("Content-Length: 50\r\n\r\nhello")]
    public async Task An_answer_that_breaks_off_never_looks_complete_to_the_client(string answer)
    {
        var route = rig.Upstream.AnswersAndCloses("HTTP/1.1 200 OK\r\n" + answer);

        var received = await rig.GetAsync(route.Path);

        Assert.Equal(200, received.Status);
        Assert.StartsWith("hello", received.Body.Text, StringComparison.Ordinal);
        Assert.False(received.Body.IsComplete);
    }

    [Fact]
    public async Task A_client_that_reads_slowly_slows_the_upstream_down()
    {
        const int Megabyte = 1 << 20;
        var sent = 0;
        var route = rig.Upstream.Does(async exchange =>
        {
            await exchange.WriteAsync($"HTTP/1.1 200 OK\r\nContent-Length: {64 * Megabyte}\r\n\r\n");
            var block = new byte[Megabyte];
            for (sent = 0; sent < 64; sent++)
            {
                await exchange.WriteAsync(block);
            }
        });
        await using var client = await rig.ConnectAsync();
        await client.SendAsync(rig.Head("GET", route.Path));
        var (head, _) = await client.ReadHeadAsync();

        var before = await StandsStillAsync(() => Volatile.Read(ref sent));
        var body = await client.ReadBodyAsync(head!);

        Assert.InRange(before, 0, 32);
        Assert.Equal(64 * Megabyte, body.Content.Length);
    }

    /// <summary>The value of a counter once it has not moved for half a second.</summary>
    private static async Task<int> StandsStillAsync(Func<int> counter)
    {
        var (last, since) = (counter(), Stopwatch.GetTimestamp());
        await Eventually.HoldsAsync(
            () =>
            {
                if (counter() != last)
                {
                    (last, since) = (counter(), Stopwatch.GetTimestamp());
                }

                return Stopwatch.GetElapsedTime(since) > TimeSpan.FromMilliseconds(500);
            },
            "the upstream was slowed down");
        return last;
    }

    private async Task<Stream> OpenAsync(string path)
    {
        var answer = await rig.Http.GetAsync(
            path, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        return await answer.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>The machine may be busy once; a delay that is ours shows in the median of seven.</summary>
    private async Task<TimeSpan> MedianDelayAsync(UpstreamRoute route, Func<RawClient, Task> untilReady)
    {
        var delays = new List<TimeSpan>();
        while (delays.Count < 7)
        {
            var client = await rig.ConnectAsync();
            await client.SendAsync(rig.Head("GET", route.Path));
            await untilReady(client);
            var left = Stopwatch.GetTimestamp();
            await client.DisposeAsync();
            delays.Add(Stopwatch.GetElapsedTime(left, await route.Requests.Last().Gone));
        }

        return delays.Order().ElementAt(delays.Count / 2);
    }
}
