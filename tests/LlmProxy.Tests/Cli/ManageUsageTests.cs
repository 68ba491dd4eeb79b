using System.Text.Json.Nodes;
using LlmProxy.Cli;
using Xunit;

namespace LlmProxy.Tests.Cli;

public sealed class ManageUsageTests : IAsyncLifetime
{
    private readonly Shell _shell = new();
    private FakeApi _api = null!;

    public async ValueTask InitializeAsync()
    {
        _api = await FakeApi.StartAsync();
        _shell.Variables["MANAGEMENT_API_BASE_URL"] = _api.Address.AbsoluteUri;
        _shell.Variables["MANAGEMENT_TOKEN"] = FakeApi.ManagementToken;
        GivenRows(
            """{"start":"2026-01-31T12:00:00Z","model":"gpt-4o","requests":2,"cost_usd":"0.001234","token_id":null}""",
            """{"start":"2026-01-31T13:00:00Z","model":"","requests":30,"cost_usd":"12.000000","token_id":null}""");
    }

    public async ValueTask DisposeAsync()
    {
        await _api.DisposeAsync();
        _shell.Dispose();
    }

    [Fact]
    public async Task The_table_shows_the_columns_that_have_values()
    {
        var lines = (await RunAsync()).Succeeded().TrimEnd('\n').Split('\n');

        Assert.Matches("^ *START \\(UTC\\) +MODEL +REQUESTS +COST \\(USD\\)$", lines[0]);
        Assert.Matches("^ *2026-01-31 12:00 +gpt-4o +2 +0.001234$", lines[1]);
        Assert.Matches("^ *2026-01-31 13:00 +- +30 +12.000000$", lines[2]);
    }

    [Fact]
    public async Task Nothing_used_is_a_note()
    {
        GivenRows();

        var shown = await RunAsync();

        Assert.Equal((string.Empty, "Nothing was used.\n"), (shown.Succeeded(), shown.Errors));
    }

    [Fact]
    public async Task For_programs_it_is_one_array()
    {
        var array = JsonNode.Parse((await RunAsync("--json")).Succeeded())!.AsArray();

        Assert.Equal([2, 30], array.Select(static row => (int)row!["requests"]!));
    }

    [Fact]
    public async Task For_spreadsheets_it_has_all_columns_and_no_formulas()
    {
        GivenRows(
            """{"model":"=HYPERLINK(\"http://evil\",\"x\")","requests":2,"cost_usd":"0.001234"}""",
            """{"model":"@a,b","requests":3}""",
            """{"model":"-1","requests":4}""",
            """{"model":"+1\r\n","requests":5}""");

        var lines = (await RunAsync("--csv")).Succeeded().Split("\r\n");

        Assert.Equal(
            "start,project_id,token_id,provider,model,requests,refused_requests,failed_requests,prompt_tokens,"
            + "completion_tokens,cached_tokens,cache_written_tokens,reasoning_tokens,audio_prompt_tokens,"
            + "audio_completion_tokens,cost_usd,unpriced_requests,counted_requests,unmeasured_requests",
            lines[0]);
        Assert.Equal(""",,,,"'=HYPERLINK(""http://evil"",""x"")",2,,,,,,,,,,0.001234,,,""", lines[1]);
        Assert.Equal(""",,,,"'@a,b",3,,,,,,,,,,,,,""", lines[2]);
        Assert.Equal(",,,,'-1,4,,,,,,,,,,,,,", lines[3]);
        Assert.Equal(",,,,\"'+1", lines[4]);
        Assert.Equal("\",5,,,,,,,,,,,,,", lines[5]);
    }

    [Theory]
    [InlineData(new string[0], "")]
    [InlineData(new[] { "--group-by", "project,model", "--interval", "day" }, "&group_by=project%2Cmodel&interval=day")]
    [InlineData(new[] { "--from", "2026-01-01", "--to", "2026-01-02T00:00:00+01:00" },
        "&from=2026-01-01T00%3A00%3A00Z&to=2026-01-02T00%3A00%3A00%2B01%3A00")]
    [InlineData(new[] { "--from", "7d" }, "&from=2025-12-26T12%3A00%3A00Z")]
    [InlineData(new[] { "--project-id", "p", "--token-id", "t", "--model", "a&b" },
        "&project_id=p&token_id=t&model=a%26b")]
    public async Task It_is_grouped_and_filtered_by_the_server(string[] flags, string query)
    {
        (await RunAsync(flags)).Succeeded();

        Assert.Equal($"GET /manage/usage?limit=100{query}", Assert.Single(_api.Received).Line);
    }

    [Fact]
    public async Task Two_forms_at_once_are_refused()
    {
        var refused = await RunAsync("--json", "--csv");

        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.Empty(_api.Received);
    }

    private Task<Outcome> RunAsync(params string[] arguments) => _shell.RunAsync(["manage", "usage", .. arguments]);

    private void GivenRows(params string[] rows) =>
        _api.Answer = (200, $$"""{"data":[{{string.Join(',', rows)}}],"next_cursor":null}""");
}
