using System.IO.Compression;
using System.Text;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Transparency;

/// <summary>Bytes in are bytes out, whatever they mean and however they are cut into pieces.</summary>
public sealed class BodyTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    private const int Connections = 4;
    private const int BodiesOnEach = 2_500;
    private const int InFlight = 8;

    private static readonly string[] Keys =
        ["model", "messages", "mod\\u0065l", "temperature", "", "ключ", "model", "\\/x", "\\ud83d\\ude00"];

    private static readonly string[] Values =
    [
        "1e2", "0.10", "-0", "1E+400", "\"\\u0041\\n\\/\"", "null", "[ ]", "{\t}", "\"\u2028é\"",
        "12345678901234567890",
    ];

    [Fact]
    public async Task Ten_thousand_bodies_arrive_bit_identical_in_both_directions()
    {
        var dice = Dice.Throw();
        var echo = rig.Upstream.Does(EchoAsync);

        await Task.WhenAll(Enumerable.Range(0, Connections).Select(_ => ExchangeAsync(echo.Path, dice.Split())));

        Assert.Equal(Connections * BodiesOnEach, echo.Requests.Count);
    }

    [Fact]
    public async Task Twenty_megabytes_of_noise_go_up_and_down_unchanged()
    {
        var noise = Dice.Throw().Bytes(20_000_000);
        var echo = rig.Upstream.Does(EchoAsync);
        using var body = new ByteArrayContent(noise);

        using var answer = await rig.Http.PostAsync(echo.Path, body, TestContext.Current.CancellationToken);
        var echoed = await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);

        Assert.True(noise.AsSpan().SequenceEqual(echoed));
    }

    [Fact]
    public async Task A_body_in_chunks_of_one_byte_arrives_whole()
    {
        var echo = rig.Upstream.Does(EchoAsync);
        const string Text = """{ "model":"gpt-4o" ,"n" : 1 }""";
        var chunks = string.Concat(Text.Select(static character => $"1\r\n{character}\r\n")) + "0\r\n\r\n";

        var answer = await rig.SendAsync(rig.Head("POST", echo.Path, "Transfer-Encoding: chunked") + chunks);

        Assert.Equal(Text, answer?.Body.Text);
        Assert.Equal(Text, (await echo.Request.Body).Text);
    }

    [Fact]
    public async Task A_compressed_answer_stays_compressed()
    {
        var zipped = await GzipAsync(Encoding.UTF8.GetBytes("""{"object":"list"}"""));
        var route = rig.Upstream.Does(exchange => exchange.AnswerAsync(200, zipped, "Content-Encoding: gzip"));

        var answer = await rig.GetAsync(route.Path, "Accept-Encoding: gzip, br");

        Assert.Equal("gzip", answer.Head.Value("Content-Encoding"));
        Assert.Equal(zipped, answer.Body.Content);
        Assert.Equal("gzip, br", route.Request.Head.Value("Accept-Encoding"));
    }

    [Fact]
    public async Task A_request_without_a_body_gets_none()
    {
        var route = rig.Upstream.Answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

        await rig.GetAsync(route.Path);

        Assert.False(route.Request.Head.Has("Content-Length"));
        Assert.False(route.Request.Head.Has("Transfer-Encoding"));
    }

    [Fact]
    public async Task An_empty_body_that_was_declared_stays_declared()
    {
        var route = rig.Upstream.Answers("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");

        var answer = await rig.PostAsync(route.Path, string.Empty);

        Assert.Equal(0, route.Request.Head.ContentLength);
        Assert.Equal(0, answer?.Head.ContentLength);
    }

    private static async Task EchoAsync(UpstreamExchange exchange) =>
        await exchange.AnswerAsync(200, (await exchange.ReadBodyAsync()).Content);

    /// <summary>
    /// Keeps several requests in flight on one connection and compares each answer with what was sent.
    /// </summary>
    private async Task ExchangeAsync(string path, Dice dice)
    {
        await using var client = await rig.ConnectAsync();
        var waiting = new Queue<byte[]>();
        for (var sent = 0; sent < BodiesOnEach || waiting.Count > 0;)
        {
            if (sent < BodiesOnEach && waiting.Count < InFlight)
            {
                var body = await AnyBodyAsync(dice);
                await client.SendAsync(Framed(path, body, dice));
                waiting.Enqueue(body);
                sent++;
            }
            else
            {
                var answer = await client.ReadAnswerAsync();
                Assert.Equal(200, answer?.Status);
                Assert.True(waiting.Dequeue().AsSpan().SequenceEqual(answer!.Body.Content));
            }
        }
    }

    private byte[] Framed(string path, byte[] body, Dice dice)
    {
        if (dice.OneIn(2))
        {
            return [.. Encoding.Latin1.GetBytes(rig.Head("POST", path, $"Content-Length: {body.Length}")), .. body];
        }

        var message = new List<byte>(Encoding.Latin1.GetBytes(rig.Head("POST", path, "Transfer-Encoding: chunked")));
        for (var at = 0; at < body.Length;)
        {
            var size = Math.Min(body.Length - at, 1 + dice.Below(dice.OneIn(3) ? 3 : 900));
            message.AddRange(Encoding.Latin1.GetBytes($"{size:x}\r\n"));
            message.AddRange(body.AsSpan(at, size));
            message.AddRange("\r\n"u8);
            at += size;
        }

        message.AddRange("0\r\n\r\n"u8);
        return [.. message];
    }

    private static async Task<byte[]> AnyBodyAsync(Dice dice) => dice.Below(10) switch
    {
        0 => [],
        1 => dice.Bytes(dice.Below(2_000)),
        2 => await GzipAsync(Encoding.UTF8.GetBytes(OddJson(dice))),
        3 => dice.Bytes(dice.OneIn(20) ? 70_000 : 300),
        _ => Encoding.UTF8.GetBytes(OddJson(dice)),
    };

    /// <summary>
    /// JSON as nobody formats it: white space of every kind, needless escapes, repeated and unordered keys.
    /// </summary>
    private static string OddJson(Dice dice)
    {
        var json = new StringBuilder("{");
        var members = dice.Below(30);
        for (var i = 0; i < members; i++)
        {
            json.Append(Space(dice)).Append('"').Append(dice.Pick(Keys)).Append('"').Append(Space(dice)).Append(':')
                .Append(Space(dice)).Append(dice.Pick(Values)).Append(Space(dice)).Append(i == members - 1 ? "" : ",");
        }

        return json.Append('}').Append(Space(dice)).ToString();
    }

    private static string Space(Dice dice) => dice.Text(dice.Below(4), " \t\r\n");

    private static async Task<byte[]> GzipAsync(byte[] content)
    {
        var zipped = new MemoryStream();
        await using (var gzip = new GZipStream(zipped, CompressionLevel.Fastest))
        {
            await gzip.WriteAsync(content);
        }

        return zipped.ToArray();
    }
}
