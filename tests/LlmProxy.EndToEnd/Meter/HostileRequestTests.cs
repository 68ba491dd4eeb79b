using System.Text;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Meter;

/// <summary>
/// Requests that are made to be misread: without a limit they pass as they are, under one they are reserved for at
/// their worst or refused, and never is anything of ours at fault.
/// </summary>
public sealed class HostileRequestTests(MeterRig rig) : IClassFixture<MeterRig>
{
    private const int Cap = 60_000;
    private const string Messages = "\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]";

    /// <summary>A body, and how it is answered under a limit of tokens.</summary>
    public static TheoryData<string, string, int, string> Bodies => new()
    {
        { "max_tokens as text", Chat("\"max_tokens\":\"5\""), 400, "" },
        { "negative max_tokens", Chat("\"max_tokens\":-5"), 400, "" },
        { "max_tokens beyond doubles", Chat("\"max_tokens\":1e400"), 400, "" },
        { "max_tokens beyond integers", Chat("\"max_tokens\":99999999999999999999999"), 400, "" },
        { "max_tokens of the largest integer", Chat("\"max_tokens\":9223372036854775807"), 429, "insufficient_quota" },
        { "max_tokens null", Chat("\"max_tokens\":null"), 200, "" },
        { "max_tokens as a fraction", Chat("\"max_tokens\":1.5"), 400, "" },
        { "max_tokens as an object", Chat("\"max_tokens\":{\"a\":[]}"), 400, "" },
        { "max_tokens twice", Chat("\"max_tokens\":1,\"max_tokens\":1000000000"), 400, "invalid_body" },
        { "model twice", Chat("\"model\":\"gpt-4\""), 400, "invalid_body" },
        { "max_tokens in other letters", Chat("\"MAX_TOKENS\":1"), 400, "invalid_body" },
        { "a billion choices", Chat("\"n\":1000000000"), 429, "insufficient_quota" },
        { "more choices than integers", Chat("\"n\":1e300"), 400, "invalid_body" },
        { "n as text", Chat("\"n\":\"1000\""), 400, "invalid_body" },
        { "no JSON", "max_tokens=5&model=gpt-4o", 400, "invalid_body" },
        { "a list", "[{}]", 400, "invalid_body" },
        { "two documents", Chat("\"n\":1") + "{}", 400, "invalid_body" },
        { "half a document", "{\"model\":\"gpt-4o\",", 400, "invalid_body" },
        { "nothing", "", 400, "invalid_body" },
        { "a long model", "{\"model\":\"" + new string('m', 10_240) + "\"," + Messages + "}", 400, "invalid_body" },
        { "deep nesting", Chat("\"x\":" + new string('[', 5_000) + new string(']', 5_000)), 400, "invalid_body" },
        { "ten megabytes", Chat("\"x\":\"" + new string('x', 10_000_000) + "\""), 200, "" },
    };

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task A_hostile_body_exceeds_no_budget_and_breaks_nothing(
        string what, string body, int status, string code)
    {
        var token = await rig.TokenAsync(new TokenLimits { MaxTokens = Cap });

        var answer = await rig.AskAsync(token, "/v1/chat/completions", body);

        Assert.True(status == answer.Status, $"{what}: {answer.Status} {answer.Body.Text}");
        Assert.Contains(code, answer.Body.Text, StringComparison.Ordinal);
        var line = await rig.LineAsync(token);
        var (spent, _) = await rig.SpentAsync(token);
        Assert.Equal(line.Prompt + line.Completion, spent);
        Assert.InRange(spent, 0, Cap);
        rig.AssertNothingFailed();
    }

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task Without_a_limit_a_hostile_body_is_the_providers_business(
        string what, string body, int status, string code)
    {
        _ = (status, code);
        var route = rig.DoesAt("chat/completions", static exchange => exchange.AnswerAsync(
            200, "{\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}"u8.ToArray(),
            "Content-Type: application/json"));
        var token = await rig.TokenAsync();

        var answer = await rig.AskAsync(token, "/raw" + route.Path, body);

        Assert.True(answer.Status == 200, what);
        Assert.Equal(Encoding.UTF8.GetBytes(body), (await route.Request.Body).Content);
        Assert.Equal(7, (await rig.SpentAsync(token)).Tokens);
        rig.AssertNothingFailed();
    }

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task Without_a_limit_and_without_a_report_a_hostile_body_is_counted(
        string what, string body, int status, string code)
    {
        _ = (status, code);
        var route = rig.DoesAt("chat/completions", static exchange => exchange.AnswerAsync(
            200, "{\"choices\":[{\"message\":{\"content\":\"Hello\"}}]}"u8.ToArray(),
            "Content-Type: application/json"));
        var token = await rig.TokenAsync();

        var answer = await rig.AskAsync(token, "/raw" + route.Path, body);

        Assert.True(answer.Status == 200, what);
        var line = await rig.LineAsync(token);
        Assert.Equal(("counted", 1), (line.Source, line.Completion));
        Assert.InRange(line.Prompt, 0, Math.Max(body.Length, 1));
        rig.AssertNothingFailed();
    }

    [Fact]
    public async Task A_compressed_request_cannot_be_measured()
    {
        var token = await rig.TokenAsync(new TokenLimits { MaxTokens = Cap });

        var answer = await rig.AskAsync(token, "/v1/chat/completions", "whatever", "Content-Encoding: gzip");

        Assert.Equal(415, answer.Status);
        Assert.Equal(0, (await rig.SpentAsync(token)).Tokens);
    }

    [Theory]
    [InlineData("\"stream_options\":{\"include_usage\":true}", "reported")]
    [InlineData("\"stream_options\":{\"include_usage\":false}", "counted")]
    [InlineData("\"stream_options\":{}", "counted")]
    public async Task What_a_stream_is_told_about_its_usage_is_the_clients_choice(string options, string source)
    {
        var token = await rig.TokenAsync(new TokenLimits { MaxTokens = Cap });

        var answer = await rig.AskAsync(
            token, "/v1/chat/completions", Chat("\"stream\":true," + options));

        Assert.Equal(200, answer.Status);
        Assert.Equal(source, (await rig.LineAsync(token)).Source);
    }

    private static string Chat(string more) => "{\"model\":\"gpt-4o\"," + Messages + "," + more + "}";
}
