using System.Text.Json.Nodes;
using LlmProxy.Cli;
using Xunit;

namespace LlmProxy.Tests.Cli;

/// <summary>The limits, which the commands of tokens and projects have alike.</summary>
public sealed class ManageLimitTests : IAsyncLifetime
{
    private static readonly string[] AllFlags =
    [
        "--max-requests", "1000", "--requests-per-minute", "60", "--max-concurrent", "5", "--max-tokens", "1000000",
        "--tokens-per-minute", "20000", "--max-cost-usd", "10.50", "--allowed-model", "gpt-5", "--allowed-model",
        "gpt-5-*", "--allowed-endpoint", "/v1/models", "--allowed-origin", "https://app.example.com",
    ];

    private const string AllMembers =
        "\"max_requests\":1000,\"requests_per_minute\":60,\"max_concurrent\":5,\"max_tokens\":1000000,"
        + "\"tokens_per_minute\":20000,\"max_cost_usd\":\"10.50\",\"allowed_models\":[\"gpt-5\",\"gpt-5-*\"],"
        + "\"allowed_endpoints\":[\"/v1/models\"],\"allowed_origins\":[\"https://app.example.com\"]";

    private static readonly string[] GenerateToken = ["token", "generate", "--project-id", "p"];
    private static readonly string[] CreateProject = ["project", "create", "--name", "p", "--openai-key", "sk-1234"];
    private static readonly string[] UpdateToken = ["token", "update", "token-1"];
    private static readonly string[] UpdateProject = ["project", "update", "project-1"];

    private readonly Shell _shell = new();
    private FakeApi _api = null!;

    public async ValueTask InitializeAsync()
    {
        _api = await FakeApi.StartAsync();
        _shell.Variables["MANAGEMENT_API_BASE_URL"] = _api.Address.AbsoluteUri;
        _shell.Variables["MANAGEMENT_TOKEN"] = FakeApi.ManagementToken;
    }

    public async ValueTask DisposeAsync()
    {
        await _api.DisposeAsync();
        _shell.Dispose();
    }

    [Fact]
    public async Task What_is_given_for_something_new_is_sent_as_the_api_names_it()
    {
        (await RunAsync([.. GenerateToken, .. AllFlags])).Succeeded();
        var token = _api.Received[^1].Body;
        (await RunAsync([.. CreateProject, "--expires-at", "2027-01-01T00:00:00Z", .. AllFlags])).Succeeded();
        var project = _api.Received[^1].Body;

        Assert.Equal($$"""{"project_id":"p","duration_minutes":1440,{{AllMembers}}}""", token);
        Assert.Equal(
            $$"""{"name":"p","api_key":"sk-1234","expires_at":"2027-01-01T00:00:00Z",{{AllMembers}}}""", project);
    }

    [Fact]
    public async Task What_is_given_for_a_change_is_all_that_is_sent()
    {
        await MakeAsync();

        (await RunAsync([.. UpdateToken, .. AllFlags])).Succeeded();
        var token = _api.Received[^1].Body;
        (await RunAsync([.. UpdateProject, .. AllFlags])).Succeeded();
        var project = _api.Received[^1].Body;

        Assert.Equal($$"""{{{AllMembers}}}""", token);
        Assert.Equal(token, project);
    }

    [Fact]
    public async Task A_limit_is_taken_away_by_zero_and_a_list_by_its_own_flag()
    {
        string[] flags =
        [
            "--max-requests", "0", "--requests-per-minute", "0", "--max-concurrent", "0", "--max-tokens", "0",
            "--tokens-per-minute", "0", "--max-cost-usd", "0", "--no-allowed-models", "--no-allowed-endpoints",
            "--no-allowed-origins",
        ];
        await MakeAsync();

        (await RunAsync([.. UpdateToken, .. flags])).Succeeded();
        var token = _api.Received[^1].Body;
        (await RunAsync([.. UpdateProject, "--expires-at", "never", .. flags])).Succeeded();
        var project = _api.Received[^1].Body;

        const string members = "\"max_requests\":0,\"requests_per_minute\":0,\"max_concurrent\":0,\"max_tokens\":0,"
            + "\"tokens_per_minute\":0,\"max_cost_usd\":\"0\",\"allowed_models\":null,\"allowed_endpoints\":null,"
            + "\"allowed_origins\":null";
        Assert.Equal($$"""{{{members}}}""", token);
        Assert.Equal($$"""{{{members}},"expires_at":null}""", project);
    }

    [Fact]
    public async Task A_token_may_live_until_an_instant()
    {
        (await RunAsync([.. GenerateToken, "--expires-at", "2026-12-31T23:59:59Z"])).Succeeded();
        var made = _api.Received[^1].Body;
        (await RunAsync([.. UpdateToken, "--expires-at", "2026-12-31T23:59:59+01:00"])).Succeeded();
        var changed = _api.Received[^1].Body;

        Assert.Equal("""{"project_id":"p","expires_at":"2026-12-31T23:59:59Z"}""", made);
        Assert.Equal("2026-12-31T23:59:59+01:00", (string?)JsonNode.Parse(changed)!["expires_at"]);
    }

    [Theory]
    [InlineData("--max-requests", "1000000000001")]
    [InlineData("--requests-per-minute", "1000000001")]
    [InlineData("--requests-per-minute", "-1")]
    [InlineData("--max-concurrent", "1000001")]
    [InlineData("--max-tokens", "1.5")]
    [InlineData("--tokens-per-minute", "1e3")]
    [InlineData("--max-cost-usd", "1e3")]
    [InlineData("--max-cost-usd", "+1")]
    [InlineData("--max-cost-usd", "-1")]
    [InlineData("--max-cost-usd", " 1")]
    [InlineData("--max-cost-usd", ".5")]
    [InlineData("--max-cost-usd", "1.")]
    [InlineData("--max-cost-usd", "1.2.3")]
    [InlineData("--max-cost-usd", "1,50")]
    [InlineData("--max-cost-usd", "$1")]
    [InlineData("--max-cost-usd", "0.0000001")]
    [InlineData("--max-cost-usd", "\u0661")]
    [InlineData("--expires-at", "tomorrow")]
    [InlineData("--expires-at", "2026-12-31")]
    public async Task A_value_that_is_none_is_refused_by_the_name_of_its_flag(string flag, string value)
    {
        foreach (var command in (string[][])[GenerateToken, CreateProject, UpdateToken, UpdateProject])
        {
            var refused = await RunAsync([.. command, flag, value]);

            Assert.Equal((ExitCode.Usage, string.Empty), (refused.ExitCode, refused.Output));
            Assert.StartsWith($"{flag} must be ", refused.Errors, StringComparison.Ordinal);
        }

        Assert.Empty(_api.Received);
    }

    [Theory]
    [InlineData("--allowed-model", "a", "--no-allowed-models")]
    [InlineData("--allowed-endpoint", "/a", "--no-allowed-endpoints")]
    [InlineData("--allowed-origin", "https://a", "--no-allowed-origins")]
    public async Task A_list_is_not_set_and_taken_away_at_once(params string[] flags)
    {
        var token = await RunAsync([.. UpdateToken, .. flags]);
        var project = await RunAsync([.. UpdateProject, .. flags]);

        Assert.Equal(ExitCode.Usage, token.ExitCode);
        Assert.Equal(ExitCode.Usage, project.ExitCode);
        Assert.Contains($"{flags[0]} does not go together with {flags[2]}", token.Errors, StringComparison.Ordinal);
        Assert.Empty(_api.Received);
    }

    [Fact]
    public async Task A_token_has_one_end()
    {
        string[] flags = ["--duration", "1h", "--expires-at", "2026-12-31T23:59:59Z"];

        var made = await RunAsync([.. GenerateToken, .. flags]);
        var changed = await RunAsync([.. UpdateToken, .. flags]);
        var never = await RunAsync([.. GenerateToken, "--expires-at", "never"]);

        Assert.All([made, changed, never], refused => Assert.Equal(ExitCode.Usage, refused.ExitCode));
        Assert.Empty(_api.Received);
    }

    [Fact]
    public async Task Limits_and_use_are_shown_as_people_read_them()
    {
        await MakeAsync();
        foreach (var row in (JsonNode[])[_api.Tokens[0], _api.Projects[0]])
        {
            foreach (var (member, value) in JsonNode.Parse($$"""
                {{{AllMembers}},"request_count":17,"token_count":52000,"cost_usd":"0.120000",
                "last_used_at":"2026-01-02T05:00:00Z"}
                """)!.AsObject())
            {
                row[member] = value?.DeepClone();
            }
        }

        var token = (await RunAsync("token", "get", "token-1")).Succeeded();
        var project = (await RunAsync("project", "get", "project-1")).Succeeded();
        var tokens = (await RunAsync("token", "list")).Succeeded();
        var projects = (await RunAsync("project", "list")).Succeeded();

        const string lines = """
            Requests:      17 of 1000
            Tokens:        52000 of 1000000
            Cost:          $0.12 of $10.50
            Per minute:    60 requests, 20000 tokens
            At a time:     5 requests
            Models:        gpt-5, gpt-5-*
            Endpoints:     /v1/models
            Origins:       https://app.example.com

            """;
        Assert.Contains(lines, token, StringComparison.Ordinal);
        Assert.Contains(lines, project, StringComparison.Ordinal);
        Assert.All([token, project], static shown =>
            Assert.Contains("\nLast used:     2026-01-02 05:00\n", shown, StringComparison.Ordinal));
        Assert.Contains("Expires:       never\n", project, StringComparison.Ordinal);
        Assert.Matches(@"17 of 1000 +52000 of 1000000 +\$0\.12 of \$10\.50", tokens);
        Assert.Matches(@"17 of 1000 +52000 of 1000000 +\$0\.12 of \$10\.50", projects);
    }

    [Theory]
    [InlineData("0.000001", "$0.000001")]
    [InlineData("0.100000", "$0.10")]
    [InlineData("1000000000.000000", "$1000000000.00")]
    [InlineData("many", "many")]
    public void Dollars_have_cents_and_more_only_where_there_are_fractions(string amount, string shown) =>
        Assert.Equal(shown, LimitReport.Dollars(amount));

    private Task<Outcome> RunAsync(params string[] arguments) => _shell.RunAsync(["manage", .. arguments]);

    private async Task MakeAsync()
    {
        (await RunAsync(GenerateToken)).Succeeded();
        (await RunAsync(CreateProject)).Succeeded();
    }
}
