using System.Text;
using LlmProxy.EndToEnd.Fixtures;
using OpenAI.Chat;

namespace LlmProxy.EndToEnd.Meter;

/// <summary>
/// <c>inject_stream_usage</c>: a stream is asked for its usage on the client's behalf, and the client sees nothing of
/// it; whoever asks for it himself is left alone.
/// </summary>
public sealed class InjectedUsageTests(MeterRig rig) : IClassFixture<MeterRig>
{
    private const string Splice = "\"stream_options\":{\"include_usage\":true},";
    private const string Rest = "\"model\":\"gpt-4o\", \"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}] }";
    private const string Silent = "{ \"stream\":true," + Rest;
    private const string Asking = "{ \"stream\":true,\"stream_options\":{\"include_usage\":true}," + Rest;

    private const string Before =
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}],\"usage\":null}\n\n: comment\n\n"
        + "event: x\r\ndata: {\"choices\":[{\"index\":0,\"delta\":{}}]}\r\n\r\n";

    private const string Usage =
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":7}}\n\n";

    private const string After = "data: [DONE]\n\n";

    public static TheoryData<string, string> Splices => new()
    {
        { Silent, "{" + Splice + Silent[1..] },
        { "{\"stream_options\":{},\"stream\":true," + Rest,
            "{\"stream_options\":{\"include_usage\":true},\"stream\":true," + Rest },
        { "{\"stream_options\":{ \"include_obfuscation\":false},\"stream\":true," + Rest,
            "{\"stream_options\":{\"include_usage\":true, \"include_obfuscation\":false},\"stream\":true," + Rest },
    };

    /// <summary>Nothing is inserted into what says something itself, or cannot be read in exactly one way.</summary>
    public static TheoryData<string> Untouched =>
    [
        Asking,
        "{\"stream\":true,\"stream_options\":{\"include_usage\":false}," + Rest,
        "{\"stream\":true,\"stream_options\":null," + Rest,
        "{\"stream\":true,\"stream_options\":[]," + Rest,
        "{\"stream\":true,\"stream\":true," + Rest,
        "{\"stream\":false," + Rest,
        "{\"stream\":\"true\"," + Rest,
        "{" + Rest,
        "[" + Silent + "]",
        Silent + "x",
        "no JSON, \"stream\":true",
    ];

    [Theory]
    [MemberData(nameof(Splices))]
    public async Task The_upstream_gets_what_the_client_sent_and_exactly_the_splice(string sent, string arrived)
    {
        var (answer, route, token) = await AskRawAsync(sent, 200, Before + Usage + After);

        Assert.Equal(arrived, (await route.Request.Body).Text);
        Assert.Equal(arrived.Length, route.Request.Head.ContentLength);
        Assert.Equal((200, Before + After), (answer.Status, answer.Body.Text));
        await AssertReportedAsync(token, 11, 7);
    }

    [Theory]
    [MemberData(nameof(Untouched))]
    public async Task A_request_that_speaks_for_itself_is_untouched_on_both_sides(string sent)
    {
        var (answer, route, token) = await AskRawAsync(sent, 200, Before + Usage + After);

        Assert.Equal(sent, (await route.Request.Body).Text);
        Assert.Equal((200, Before + Usage + After), (answer.Status, answer.Body.Text));
        await AssertReportedAsync(token, 11, 7);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(300)]
    public async Task The_pieces_of_a_stream_do_not_matter(int size)
    {
        var token = await rig.TokenAsync();
        var direct = await rig.AskSimulatorAsync("/v1/chat/completions", Silent);

        var answer = await rig.AskAsync(
            token, "/inject/v1/chat/completions", Silent, $"x-simulator-chunk-bytes: {size}",
            "x-simulator-usage: prompt=11,completion=7");

        var lines = answer.Body.Text.Split("\n\n");
        Assert.DoesNotContain("prompt_tokens", answer.Body.Text, StringComparison.Ordinal);
        Assert.Equal(direct.Body.Text.Replace(",\"usage\":null", "", StringComparison.Ordinal),
            string.Join("\n\n", lines).Replace(",\"usage\":null", "", StringComparison.Ordinal));
        await AssertReportedAsync(token, 11, 7);
    }

    [Fact]
    public async Task A_client_that_asks_gets_its_usage_from_the_simulator_as_without_the_setting()
    {
        var token = await rig.TokenAsync();
        var direct = await rig.AskSimulatorAsync("/v1/chat/completions", Asking);

        var answer = await rig.AskAsync(token, "/inject/v1/chat/completions", Asking);

        Assert.Contains("prompt_tokens", answer.Body.Text, StringComparison.Ordinal);
        Assert.Equal(direct.Body.Content, answer.Body.Content);
    }

    [Fact]
    public async Task Plain_completions_are_asked_too()
    {
        var token = await rig.TokenAsync();
        const string Body = "{\"model\":\"gpt-4o\",\"prompt\":\"Hello\",\"stream\":true}";

        var answer = await rig.AskAsync(
            token, "/inject/v1/completions", Body, "x-simulator-usage: prompt=11,completion=7");

        Assert.DoesNotContain("prompt_tokens", answer.Body.Text, StringComparison.Ordinal);
        await AssertReportedAsync(token, 11, 7);
    }

    [Fact]
    public async Task A_chunked_request_passes_as_it_is_and_is_counted()
    {
        var token = await rig.TokenAsync();
        var route = Answering(200, Before + After);
        var chunked = $"{Silent.Length:x}\r\n{Silent}\r\n0\r\n\r\n";

        var answer = await rig.Proxy.AskAsync(
            rig.Proxy.Head("POST", "/raw-inject" + route.Path, token.Secret, "Transfer-Encoding: chunked",
                UsageWitness.Json) + chunked, "POST");

        Assert.Equal(200, answer?.Status);
        Assert.Equal(Before + After, answer?.Body.Text);
        Assert.Equal(Silent, (await route.Request.Body).Text);
        Assert.Equal("counted", (await rig.LineAsync(token)).Source);
    }

    [Fact]
    public async Task A_compressed_request_passes_as_it_is()
    {
        var (answer, route, _) = await AskRawAsync(Silent, 200, Before + Usage + After, "Content-Encoding: gzip");

        Assert.Equal(Silent, (await route.Request.Body).Text);
        Assert.Equal(Before + Usage + After, answer.Body.Text);
    }

    [Fact]
    public async Task A_compressed_answer_is_not_asked_for_and_tells_the_usage()
    {
        var token = await rig.TokenAsync();

        var answer = await rig.AskAsync(
            token, "/inject/v1/chat/completions", Silent, "Accept-Encoding: gzip, br",
            "x-simulator-usage: prompt=11,completion=7");

        Assert.False(answer.Head.Has("Content-Encoding"));
        Assert.DoesNotContain("prompt_tokens", answer.Body.Text, StringComparison.Ordinal);
        await AssertReportedAsync(token, 11, 7);
    }

    [Theory]
    [InlineData(400)]
    [InlineData(429)]
    [InlineData(500)]
    public async Task An_error_passes_as_it_is(int status)
    {
        const string Error = "{\"error\":{\"message\":\"no\"},\"choices\":[],\"usage\":{\"prompt_tokens\":1}}";
        var route = rig.DoesAt("chat/completions", exchange =>
            exchange.AnswerAsync(status, Encoding.UTF8.GetBytes(Error), "Content-Type: application/json"));
        var token = await rig.TokenAsync();

        var answer = await rig.AskAsync(token, "/raw-inject" + route.Path, Silent);

        Assert.Equal((status, Error), (answer.Status, answer.Body.Text));
        Assert.Equal(0, (await rig.SpentAsync(token)).Tokens);
    }

    [Fact]
    public async Task A_stream_that_breaks_off_keeps_what_it_had()
    {
        var route = rig.DoesAt("chat/completions", static async exchange =>
        {
            await exchange.ReadBodyAsync();
            await exchange.WriteAsync(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9999\r\n\r\n" + Before
                + "data: {\"choices\":[");
            exchange.Close();
        });
        var token = await rig.TokenAsync();

        var answer = await rig.AskAsync(token, "/raw-inject" + route.Path, Silent);

        Assert.False(answer.Body.IsComplete);
        Assert.Equal(Before + "data: {\"choices\":[", answer.Body.Text);
        Assert.Equal(("counted", "truncated"), await SourceAndFaultsAsync(token));
    }

    [Fact]
    public async Task The_official_client_streams_and_sees_no_usage_that_it_did_not_ask_for()
    {
        var token = await rig.TokenAsync(new TokenLimits { MaxTokens = 100_000 });
        var client = ProxyBeforeSimulator.ClientOf(rig.Proxy, token.Secret,
            options => options.Endpoint = new Uri(rig.Proxy.Address, "/inject/v1"));
        var (text, updates) = (new StringBuilder(), 0);

        await foreach (var update in client.GetChatClient("gpt-4o").CompleteChatStreamingAsync(
            [new UserChatMessage("Hello there")], cancellationToken: TestContext.Current.CancellationToken))
        {
            updates++;
            text.AppendJoin(string.Empty, update.ContentUpdate.Select(static part => part.Text));
        }

        Assert.True(updates > 1);
        Assert.StartsWith("Simulated answer", text.ToString(), StringComparison.Ordinal);
        Assert.Equal(("reported", ""), await SourceAndFaultsAsync(token));
    }

    private UpstreamRoute Answering(int status, string stream) => rig.DoesAt("chat/completions", exchange =>
        exchange.AnswerAsync(status, Encoding.UTF8.GetBytes(stream), "Content-Type: text/event-stream"));

    private async Task<(RawAnswer Answer, UpstreamRoute Route, IssuedToken Token)> AskRawAsync(
        string body, int status, string stream, params string[] lines)
    {
        var route = Answering(status, stream);
        var token = await rig.TokenAsync();
        return (await rig.AskAsync(token, "/raw-inject" + route.Path, body, lines), route, token);
    }

    private async Task AssertReportedAsync(IssuedToken token, long prompt, long completion)
    {
        var line = await rig.LineAsync(token);
        Assert.Equal(("reported", prompt, completion, ""), (line.Source, line.Prompt, line.Completion, line.Faults));
        Assert.Equal(prompt + completion, (await rig.SpentAsync(token)).Tokens);
    }

    private async Task<(string? Source, string Faults)> SourceAndFaultsAsync(IssuedToken token)
    {
        var line = await rig.LineAsync(token);
        return (line.Source, line.Faults);
    }
}
