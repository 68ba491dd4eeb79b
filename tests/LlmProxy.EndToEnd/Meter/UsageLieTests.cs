using System.Text;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Meter;

/// <summary>
/// A provider that lies about usage, or cannot write, costs nobody anything: the answer passes, what cannot be true is
/// counted instead and flagged, and no budget is exceeded.
/// </summary>
public sealed class UsageLieTests(MeterRig rig) : IClassFixture<MeterRig>
{
    private const string Question = """{"model":"gpt-4o","messages":[{"role":"user","content":"Hello there"}]""";
    private const string Version = "anthropic-version: 2023-06-01";
    private const int Cap = 60_000;

    private static readonly Dictionary<string, (string Target, string Body)> Calls = new(StringComparer.Ordinal)
    {
        ["chat"] = ("/v1/chat/completions", Question + "}"),
        ["chat stream"] = (
            "/v1/chat/completions", Question + ""","stream":true,"stream_options":{"include_usage":true}}"""),
        ["completions"] = ("/v1/completions", """{"model":"gpt-4o","prompt":"Hello there"}"""),
        ["responses"] = ("/v1/responses", """{"model":"gpt-4o","input":"Hello there"}"""),
        ["responses stream"] = ("/v1/responses", """{"model":"gpt-4o","input":"Hello there","stream":true}"""),
        ["messages"] = ("/v1/messages",
            """{"model":"claude-opus-4-5","max_tokens":900,"messages":[{"role":"user","content":"Hello"}]}"""),
        ["messages stream"] = ("/v1/messages",
            """
            {"model":"claude-opus-4-5","max_tokens":900,"stream":true,"messages":[{"role":"user","content":"Hello"}]}
            """),
        ["embeddings"] = ("/v1/embeddings", """{"model":"gpt-4o","input":"Hello there","dimensions":8}"""),
    };

    public static TheoryData<string, string, string, string> Lies
    {
        get
        {
            var lies = new TheoryData<string, string, string, string>();
            foreach (var call in Calls.Keys)
            {
                foreach (var form in (string[])["negative", "huge", "fraction", "string"])
                {
                    lies.Add(call, form, "counted", "implausible");
                }

                lies.Add(call, "prompt=900000000000,completion=5", "counted", "implausible");
                lies.Add(call, "twice", "reported", "repeated");
                lies.Add(call, "none", "counted", "");
                lies.Add(call, "early", "reported", "");
            }

            lies.Add("chat stream", "after-done", "counted", "after_end");
            lies.Add("responses stream", "after-done", "counted", "after_end");
            lies.Add("messages stream", "after-done", "counted", "after_end");
            return lies;
        }
    }

    [Theory]
    [MemberData(nameof(Lies))]
    public async Task A_lie_is_flagged_and_never_paid(string call, string form, string source, string faults)
    {
        var (target, body) = Calls[call];
        var token = await rig.TokenAsync(new TokenLimits { MaxTokens = Cap, MaxCostUsd = 2 });
        string[] lines = [Version, $"x-simulator-usage: {form}"];

        var answer = await rig.AskAsync(token, target, body, lines);

        var direct = await rig.AskSimulatorAsync(target, body, lines);
        Assert.Equal((200, true), (answer.Status, answer.Body.IsComplete));
        Assert.Equal(direct.Body.Content, answer.Body.Content);
        var line = await rig.LineAsync(token);
        Assert.Equal((source, faults), (line.Source, line.Faults));
        var used = new Metered(line.Prompt, line.Completion);
        Assert.InRange(used.Total, 1, 500);
        Assert.Equal(ListedPrices.CostOf(used), line.Cost);
        Assert.Equal((used.Total, line.Cost), await rig.SpentAsync(token));
        Assert.Equal(used, Metered.In(await rig.RowAsync(token)));
        rig.AssertNothingFailed();
    }

    [Fact]
    public async Task A_report_beyond_what_was_reserved_spends_the_budget_and_no_more()
    {
        var token = await rig.TokenAsync(new TokenLimits { MaxTokens = Cap, MaxCostUsd = 2 });

        var answer = await rig.AskAsync(
            token, "/v1/chat/completions", Question + "}", "x-simulator-usage: prompt=90000000,completion=5");

        Assert.Equal(200, answer.Status);
        var line = await rig.LineAsync(token);
        Assert.Equal(("reported", "overrun", 90_000_000), (line.Source, line.Faults, line.Prompt));
        Assert.Equal((Cap, "2.000000"), await rig.SpentAsync(token));
        var next = await rig.AskAsync(token, "/v1/chat/completions", Question + "}");
        Assert.Equal(429, next.Status);
        Assert.Contains("insufficient_quota", next.Body.Text, StringComparison.Ordinal);
        Assert.Equal((Cap, "2.000000"), await rig.SpentAsync(token));
    }

    [Theory]
    [InlineData("chat")]
    [InlineData("chat stream")]
    [InlineData("messages stream")]
    public async Task A_compressed_answer_that_ends_too_early_is_counted_and_flagged(string call)
    {
        var (target, body) = Calls[call];
        var token = await rig.TokenAsync(new TokenLimits { MaxTokens = Cap });

        var answer = await rig.AskAsync(token, target, body, Version, "x-simulator-encoding: gzip-truncated");

        Assert.Equal((200, true), (answer.Status, answer.Body.IsComplete));
        var line = await rig.LineAsync(token);
        Assert.Contains("truncated", line.Faults, StringComparison.Ordinal);
        Assert.InRange(line.Prompt + line.Completion, 1, 500);
        Assert.Equal(line.Prompt + line.Completion, (await rig.SpentAsync(token)).Tokens);
        rig.AssertNothingFailed();
    }

    public static TheoryData<string> LookAlikes =>
    [
        """
        {"choices":[{"index":0,"message":{"content":"hi","tool_calls":[{"id":"c","type":"function","function":
         {"name":"f","arguments":"{\"usage\":{\"prompt_tokens\":7777,\"completion_tokens\":1}}"}}]}}]}
        """,
        """
        {"choices":[{"index":0,"message":{"content":"hi"},"usage":{"prompt_tokens":7777,"completion_tokens":1}}],
         "metadata":{"usage":{"prompt_tokens":7777,"completion_tokens":1}}}
        """,
        """{"choices":[{"message":{"content":"\"usage\":{\"prompt_tokens\":7777}"}}],"usage":null}""",
        """{"choices":[{"message":{"content":"hi"}}],"usage":[{"prompt_tokens":7777}]}""",
        """{"choices":[{"message":{"content":"hi"}}],"usage":"prompt_tokens 7777"}""",
        """{"choices":[{"message":{"content":"hi"}}],"usage":{"total_tokens":7777}}""",
        """{"choices":[{"message":{"content":"hi"}}],"Usage":{"prompt_tokens":7777,"completion_tokens":1}}""",
        """{"choices":[{"message":{"content":"hi"}}],"x":{"choices":[],"usage":{"prompt_tokens":7777}}}""",
    ];

    /// <summary>Only where an API puts its usage is it usage.</summary>
    [Theory]
    [MemberData(nameof(LookAlikes))]
    public async Task What_only_looks_like_usage_is_none(string document)
    {
        var line = await AnswerRawAsync(document);

        Assert.Equal(
            ("counted", TokenOracle.Chat("gpt-4o", ("user", "Hello there"))), (line.Source, line.Prompt));
    }

    [Theory]
    [InlineData("""{"usage":{"prompt_tokens":1e400,"completion_tokens":1}}""")]
    [InlineData("""{"usage":{"prompt_tokens":18446744073709551617,"completion_tokens":1}}""")]
    [InlineData("""{"usage":{"prompt_tokens":5,"completion_tokens":{"a":1}}}""")]
    [InlineData("""{"usage":{"prompt_tokens":true,"completion_tokens":1}}""")]
    [InlineData("""{"usage":{"prompt_tokens":-0.5,"completion_tokens":1}}""")]
    public async Task A_number_that_none_can_be_is_flagged(string document)
    {
        var line = await AnswerRawAsync(document);

        Assert.Equal(("counted", "implausible"), (line.Source, line.Faults));
    }

    [Theory]
    [InlineData("this is no JSON")]
    [InlineData("{\"usage\":{\"prompt_tokens\":5,]")]
    [InlineData("<html>\0\u0001\u00ff</html>")]
    public async Task What_is_no_JSON_is_flagged(string document)
    {
        var line = await AnswerRawAsync(document);

        Assert.Contains("unreadable", line.Faults, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_document_that_is_nested_too_deep_is_flagged()
    {
        var deep = "{\"choices\":" + new string('[', 100_000) + new string(']', 100_000) + "}";

        var line = await AnswerRawAsync(deep);

        Assert.True(line.Source is null or "counted", line.ToString());
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("br")]
    [InlineData("zstd")]
    [InlineData("deflate")]
    [InlineData("gzip, gzip")]
    [InlineData("x-unheard-of")]
    public async Task What_cannot_be_unpacked_passes_and_is_flagged(string coding)
    {
        var line = await AnswerRawAsync("\u001f\u008b\u0008 not what it says that it is", coding);

        Assert.Contains("unreadable", line.Faults, StringComparison.Ordinal);
    }

    /// <summary>What a raw upstream answers passes as it is, and costs no more than the cap.</summary>
    private async Task<LoggedExchange> AnswerRawAsync(string document, string coding = "identity")
    {
        var bytes = Encoding.Latin1.GetBytes(document);
        var route = rig.DoesAt("chat/completions", exchange => exchange.AnswerAsync(
            200, bytes, "Content-Type: application/json", $"Content-Encoding: {coding}"));
        var token = await rig.TokenAsync(new TokenLimits { MaxTokens = Cap });

        var answer = await rig.AskAsync(token, "/raw" + route.Path, Question + "}");

        Assert.Equal(200, answer.Status);
        Assert.Equal(bytes, answer.Body.Content);
        var line = await rig.LineAsync(token);
        Assert.InRange((await rig.SpentAsync(token)).Tokens, line.Prompt + line.Completion, Cap);
        rig.AssertNothingFailed();
        return line;
    }
}
