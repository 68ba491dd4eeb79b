using System.Globalization;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Meter;

/// <summary>
/// What a provider reports is what is written down, to the token and the micro-dollar, whatever the form of the answer,
/// its compression and its pieces; and the answer passes as it is.
/// </summary>
public sealed class ReportedUsageTests(MeterRig rig) : IClassFixture<MeterRig>
{
    private const string Chat = """{"model":"gpt-4o","messages":[{"role":"user","content":"Hello there"}]""";
    private const string ChatStream = Chat + ""","stream":true,"stream_options":{"include_usage":true}}""";
    private const string Wish =
        "x-simulator-usage: prompt=1000,completion=200,cached=300,reasoning=50,audio_in=20,audio_out=10";

    private const string Form =
        "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ngpt-4o\r\n"
        + "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nsound\r\n";

    private static readonly Dictionary<string, (string Target, string Body, Metered Used)> Calls = new(
        StringComparer.Ordinal)
    {
        ["chat"] = ("/v1/chat/completions", Chat + "}", new Metered(1000, 200, 300, 50, 20, 10)),
        ["chat stream"] = ("/v1/chat/completions", ChatStream, new Metered(1000, 200, 300, 50, 20, 10)),
        ["completions"] = ("/v1/completions", """{"model":"gpt-4o","prompt":"Once upon","max_tokens":300}""",
            new Metered(1000, 200, 300, 50, 20, 10)),
        ["completions stream"] = ("/v1/completions",
            """
            {"model":"gpt-4o","prompt":"Once upon","max_tokens":9,"stream":true,
             "stream_options":{"include_usage":true}}
            """,
            new Metered(1000, 200, 300, 50, 20, 10)),
        ["responses"] = ("/v1/responses", """{"model":"gpt-4o","input":"Hello"}""", new Metered(1000, 200, 300, 50)),
        ["responses stream"] = ("/v1/responses", """{"model":"gpt-4o","input":"Hello","stream":true}""",
            new Metered(1000, 200, 300, 50)),
        ["messages"] = ("/v1/messages",
            """{"model":"claude-opus-4-5","max_tokens":900,"messages":[{"role":"user","content":"Hello"}]}""",
            new Metered(1000, 200, 300)),
        ["messages stream"] = ("/v1/messages",
            """
            {"model":"claude-opus-4-5","max_tokens":900,"stream":true,"messages":[{"role":"user","content":"Hello"}]}
            """,
            new Metered(1000, 200, 300)),
        ["embeddings"] = ("/v1/embeddings", """{"model":"text-embedding-3-small","input":"Hello","dimensions":8}""",
            new Metered(1000, 0)),
        ["transcriptions"] = ("/v1/audio/transcriptions", Form + "--b--\r\n", new Metered(1000, 200)),
        ["transcriptions stream"] = ("/v1/audio/transcriptions",
            Form + "--b\r\nContent-Disposition: form-data; name=\"stream\"\r\n\r\ntrue\r\n--b--\r\n",
            new Metered(1000, 200)),
    };

    public static TheoryData<string, string> Cases
    {
        get
        {
            var cases = new TheoryData<string, string>();
            foreach (var call in Calls.Keys)
            {
                cases.Add(call, "identity");
                cases.Add(call, "gzip");
                cases.Add(call, "br");
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Exactly_what_was_reported_is_written_down(string call, string encoding)
    {
        var (target, body, used) = Calls[call];
        var lines = LinesFor(call, encoding);
        var token = await rig.TokenAsync(new TokenLimits { MaxTokens = 1_000_000_000, MaxCostUsd = 1_000 });

        var answer = await PostAsync(rig.Proxy.Address, token, target, body, lines);

        var direct = await PostAsync(rig.Simulator.Address, token, target, body, lines);
        Assert.Equal((200, true), (answer.Status, answer.Body.IsComplete));
        Assert.Equal(direct.Head.Value("Content-Encoding"), answer.Head.Value("Content-Encoding"));
        Assert.Equal(direct.Body.Content, answer.Body.Content);

        var cost = ListedPrices.CostOf(used);
        var line = await rig.LineAsync(token);
        Assert.Equal(("reported", used.Prompt, used.Completion, cost),
            (line.Source, line.Prompt, line.Completion, line.Cost));
        var row = await rig.RowAsync(token);
        Assert.Equal((used, cost), (Metered.In(row), row.GetProperty("cost_usd").GetString()));
        Assert.Equal((1, 0, 0, 0), (
            Metered.Number(row, "requests"), Metered.Number(row, "counted_requests"),
            Metered.Number(row, "unpriced_requests"), Metered.Number(row, "unmeasured_requests")));
        Assert.Equal((used.Total, cost), await rig.SpentAsync(token));
    }

    [Fact]
    public async Task It_does_not_matter_where_the_pieces_of_a_compressed_stream_begin()
    {
        int[] sizes = [.. Enumerable.Range(1, 48), 64, 100, 255, 256, 257, 1000, 4096];
        foreach (var encoding in (string[])["gzip", "br"])
        {
            var token = await rig.TokenAsync();
            var direct = await rig.AskSimulatorAsync(
                "/v1/chat/completions", ChatStream, Wish, $"x-simulator-encoding: {encoding}");

            var answers = await Task.WhenAll(sizes.Select(size => rig.AskAsync(
                token, "/v1/chat/completions", ChatStream, Wish, $"x-simulator-encoding: {encoding}",
                string.Create(CultureInfo.InvariantCulture, $"x-simulator-chunk-bytes: {size}"))));

            Assert.All(answers, answer => Assert.Equal(direct.Body.Content, answer.Body.Content));
            var lines = await rig.LinesAsync(token, sizes.Length);
            var used = new Metered(1000, 200, 300, 50, 20, 10);
            Assert.All(lines, line => Assert.Equal(
                ("reported", used.Prompt, used.Completion, ListedPrices.CostOf(used), ""),
                (line.Source, line.Prompt, line.Completion, line.Cost, line.Faults)));
            Assert.Equal(used.Total * sizes.Length, (await rig.SpentAsync(token)).Tokens);
        }
    }

    private static string[] LinesFor(string call, string encoding)
    {
        var type = call.StartsWith("transcriptions", StringComparison.Ordinal)
            ? "Content-Type: multipart/form-data; boundary=b"
            : UsageWitness.Json;
        string[] lines = [type, Wish, "anthropic-version: 2023-06-01"];
        return encoding == "identity" ? lines : [.. lines, $"x-simulator-encoding: {encoding}"];
    }

    private static async Task<RawAnswer> PostAsync(
        Uri server, IssuedToken token, string target, string body, string[] lines)
    {
        var bytes = System.Text.Encoding.UTF8.GetBytes(body);
        var answer = await UsageWitness.PostAsync(server, target, token.Secret, bytes, lines);
        Assert.NotNull(answer);
        return answer;
    }
}
