using System.Text.Json.Nodes;
using LlmProxy.Cli;
using Xunit;

namespace LlmProxy.Tests.Cli;

public sealed class ExplainTests : IAsyncLifetime
{
    private const string Refused = """
        {"allowed":false,"status":429,"code":"rate_limited","rule":"token.requests_per_minute",
         "message":"Too many requests.","needs":{"tokens":123,"cost_usd":"0.000123"},
         "limits":[{"scope":"token","limit":"requests_per_minute","value":"60","used":"60","remaining":"0",
                    "resets_in_seconds":3.2},
                   {"scope":"project","limit":"max_requests","value":"1000","used":"17","remaining":"983",
                    "resets_in_seconds":null}]}
        """;

    private readonly Shell _shell = new();
    private FakeApi _api = null!;

    public async ValueTask InitializeAsync()
    {
        _api = await FakeApi.StartAsync();
        _shell.Variables["MANAGEMENT_API_BASE_URL"] = _api.Address.AbsoluteUri;
        _shell.Variables["MANAGEMENT_TOKEN"] = FakeApi.ManagementToken;
        _api.Answer = (200, Refused);
    }

    public async ValueTask DisposeAsync()
    {
        await _api.DisposeAsync();
        _shell.Dispose();
    }

    [Fact]
    public async Task The_request_is_described_and_not_made()
    {
        (await RunAsync("--path", "/v1/models", "--method", "GET", "--header", "Origin: https://a.example:8443",
            "--header", "X-Tenant:  7 ")).Succeeded();

        var (line, body) = Assert.Single(_api.Received);
        Assert.Equal("POST /manage/tokens/token-1/explain", line);
        Assert.Equal(
            """{"method":"GET","path":"/v1/models","headers":{"Origin":"https://a.example:8443","X-Tenant":"7"}}""",
            body);
    }

    [Fact]
    public async Task A_refusal_is_told_with_its_rule_and_what_remains()
    {
        var lines = (await RunAsync("--path", "/v1/chat/completions")).Succeeded().Split('\n');

        Assert.Equal("Verdict:       refused with 429 rate_limited", lines[0]);
        Assert.Equal("Rule:          token.requests_per_minute", lines[1]);
        Assert.Equal("Message:       Too many requests.", lines[2]);
        Assert.Equal("Needs:         123 tokens, $0.000123", lines[3]);
        Assert.Matches("^SCOPE +LIMIT +VALUE +USED +REMAINING +RESETS IN$", lines[5].Trim());
        Assert.Matches("^token +requests_per_minute +60 +60 +0 +3.2 s$", lines[6].Trim());
        Assert.Matches("^project +max_requests +1000 +17 +983 +-$", lines[7].Trim());
    }

    [Fact]
    public async Task What_is_allowed_says_so()
    {
        _api.Answer = (200, """{"allowed":true,"limits":[]}""");

        var allowed = await RunAsync("--path", "/v1/models");

        Assert.Equal(
            "Verdict:       allowed\nRule:          -\nMessage:       -\nNeeds:         -\n", allowed.Succeeded());
    }

    [Fact]
    public async Task For_programs_the_answer_is_passed_on()
    {
        var answer = await RunAsync("--path", "/v1/models", "--json");

        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(Refused), JsonNode.Parse(answer.Succeeded())), answer.Output);
    }

    [Fact]
    public async Task The_body_is_given_read_from_a_file_or_read_from_the_input()
    {
        const string body = """
            {"model":"gpt-5"}

            """;
        await _shell.WriteAsync("request.json", body);
        _shell.Input = body;

        (await RunAsync("--path", "/v1/x", "--body", body)).Succeeded();
        (await RunAsync("--path", "/v1/x", "--body-file", "request.json")).Succeeded();
        (await RunAsync("--path", "/v1/x", "--body-file", "-")).Succeeded();

        Assert.Equal(3, _api.Received.Count);
        Assert.All(_api.Received, received => Assert.Equal(body, (string?)JsonNode.Parse(received.Body)!["body"]));
    }

    [Theory]
    [InlineData]
    [InlineData("--path", "/v1/x", "--header", "nothing")]
    [InlineData("--path", "/v1/x", "--header", ": value")]
    [InlineData("--path", "/v1/x", "--header", "A: 1", "--header", "a: 2")]
    [InlineData("--path", "/v1/x", "--body", "{}", "--body-file", "-")]
    [InlineData("--path", "/v1/x", "--body-file", "nowhere.json")]
    public async Task What_is_no_request_is_refused_before_anything_is_sent(params string[] flags)
    {
        var refused = await RunAsync(flags);

        Assert.Equal((ExitCode.Usage, string.Empty), (refused.ExitCode, refused.Output));
        Assert.NotEmpty(refused.Errors);
        Assert.Empty(_api.Received);
    }

    [Fact]
    public async Task A_body_without_end_is_refused()
    {
        _shell.Input = new string('x', 1024 * 1024 + 1);

        var refused = await RunAsync("--path", "/v1/x", "--body-file", "-");

        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.Empty(_api.Received);
    }

    [Fact]
    public async Task A_server_that_cannot_explain_is_told_as_it_answers()
    {
        _api.Answer = (404, """{"status":404,"code":"not_found","detail":"There is no such token."}""");

        var refused = await RunAsync("--path", "/v1/x");

        Assert.Equal((ExitCode.Refused, string.Empty), (refused.ExitCode, refused.Output));
    }

    private Task<Outcome> RunAsync(params string[] flags) =>
        _shell.RunAsync(["manage", "token", "explain", "token-1", .. flags]);
}
