using System.Text.Json.Nodes;
using LlmProxy.Cli;
using Xunit;

namespace LlmProxy.Tests.Cli;

public sealed class ManageTokenTests : IAsyncLifetime
{
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
    public async Task A_token_is_made_and_shown_once()
    {
        var made = await RunAsync("generate", "--project-id", "project-1");

        Assert.Contains($"Token:         {FakeApi.Secret}\n", made.Succeeded(), StringComparison.Ordinal);
        Assert.Contains("Max requests:  unlimited\n", made.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(FakeApi.Secret, (await RunAsync("list")).Succeeded(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new string[0], 1440)]
    [InlineData(new[] { "--duration", "2" }, 120)]
    [InlineData(new[] { "--duration", "90m" }, 90)]
    [InlineData(new[] { "--duration", "24h" }, 1440)]
    [InlineData(new[] { "--duration", "7d" }, 10_080)]
    [InlineData(new[] { "--duration", "1h30m" }, 90)]
    [InlineData(new[] { "--duration", "365d" }, 525_600)]
    public async Task A_duration_is_read_as_people_write_it(string[] flags, int minutes)
    {
        (await RunAsync(["generate", "--project-id", "project-1", .. flags])).Succeeded();

        Assert.Equal($$"""{"project_id":"project-1","duration_minutes":{{minutes}}}""", _api.Received[^1].Body);
    }

    [Theory]
    [InlineData("--duration", "soon")]
    [InlineData("--duration", "0")]
    [InlineData("--duration", "30s")]
    [InlineData("--duration", "90s")]
    [InlineData("--duration", "366d")]
    [InlineData("--duration", "99999999")]
    [InlineData("--duration", "-1h")]
    [InlineData("--max-requests", "many")]
    [InlineData("--max-requests", "-1")]
    [InlineData("--max-requests", "1.5")]
    public async Task A_value_that_is_none_is_refused_by_the_name_of_its_flag(string flag, string value)
    {
        var refused = await RunAsync("generate", "--project-id", "project-1", flag, value);

        Assert.Equal((ExitCode.Usage, string.Empty), (refused.ExitCode, refused.Output));
        Assert.StartsWith($"{flag} must be ", refused.Errors, StringComparison.Ordinal);
        Assert.Empty(_api.Received);
    }

    [Theory]
    [InlineData("100", ",\"max_requests\":100")]
    [InlineData("0", "")]
    public async Task No_limit_is_no_member(string count, string member)
    {
        (await RunAsync("generate", "--project-id", "project-1", "--max-requests", count)).Succeeded();

        Assert.Equal($$"""{"project_id":"project-1","duration_minutes":1440{{member}}}""", _api.Received[^1].Body);
    }

    [Fact]
    public async Task A_token_is_barred_from_the_cache_and_let_in_again()
    {
        (await RunAsync("generate", "--project-id", "project-1", "--no-cache")).Succeeded();
        var barred = _api.Received[^1].Body;
        (await RunAsync("update", "token-1", "--use-cache")).Succeeded();
        var admitted = _api.Received[^1].Body;
        var shown = await RunAsync("update", "token-1", "--no-cache");
        var both = await RunAsync("update", "token-1", "--no-cache", "--use-cache");

        Assert.Equal("""{"project_id":"project-1","duration_minutes":1440,"use_cache":false}""", barred);
        Assert.Equal("""{"use_cache":true}""", admitted);
        Assert.Equal("""{"use_cache":false}""", _api.Received[^1].Body);
        Assert.Contains("Cache:         not used\n", shown.Succeeded(), StringComparison.Ordinal);
        Assert.Equal(ExitCode.Usage, both.ExitCode);
    }

    [Fact]
    public async Task Answers_from_the_cache_are_shown_when_there_were_any()
    {
        await MakeAsync(1);
        var before = (await RunAsync("get", "token-1")).Succeeded();
        _api.Tokens[0]["cache_hit_count"] = 5;

        var after = (await RunAsync("get", "token-1")).Succeeded();

        Assert.DoesNotContain("From cache", before, StringComparison.Ordinal);
        Assert.Contains("From cache:    5\n", after, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_list_shows_state_and_use_of_all_pages()
    {
        await MakeAsync(3);
        (await RunAsync("update", "token-2", "--active", "false")).Succeeded();
        _api.Tokens[2]["expires_at"] = "2026-01-02T11:59:59Z";
        _api.Tokens[2]["max_requests"] = 50;
        _api.Tokens[2]["request_count"] = 7;

        var lines = (await RunAsync("list")).Succeeded().TrimEnd('\n').Split('\n');

        Assert.Matches(
            @"^token-1 +project-1 +active +2026-01-03 03:04 +0 of unlimited +0 of unlimited +\$0\.00 of unlimited +-$",
            lines[1].Trim());
        Assert.Matches("^token-2 +project-1 +revoked ", lines[2].Trim());
        Assert.Matches("^token-3 +project-1 +expired +2026-01-02 11:59 +7 of 50 ", lines[3].Trim());
    }

    [Fact]
    public async Task A_list_is_filtered_by_the_server()
    {
        await RunAsync("list", "--project-id", "project-1", "--active-only");

        Assert.Equal(
            "GET /manage/tokens?limit=100&projectId=project-1&activeOnly=true", Assert.Single(_api.Received).Line);
    }

    [Fact]
    public async Task A_list_for_programs_is_one_array()
    {
        await MakeAsync(3);

        var array = JsonNode.Parse((await RunAsync("list", "--json")).Succeeded())!.AsArray();

        Assert.Equal("token-1 token-2 token-3", string.Join(' ', array.Select(static token => (string?)token!["id"])));
    }

    [Fact]
    public async Task A_token_is_shown_changed_and_revoked_by_its_id()
    {
        await MakeAsync(1);

        var shown = await RunAsync("get", "token-1");
        var changed = await RunAsync(
            "update", "token-1", "--max-requests", "0", "--active", "true", "--duration", "7d");
        var change = _api.Received[^1].Body;
        var revoked = await RunAsync("revoke", "token-1");

        Assert.Contains("State:         active\n", shown.Succeeded(), StringComparison.Ordinal);
        Assert.Contains("Requests:      0 of unlimited\n", changed.Succeeded(), StringComparison.Ordinal);
        Assert.Equal("""{"is_active":true,"duration_minutes":10080,"max_requests":0}""", change);
        Assert.Equal("Token token-1 is revoked.\n", revoked.Succeeded());
        Assert.Empty(_api.Tokens);
    }

    [Fact]
    public async Task For_programs_every_command_answers_with_an_object()
    {
        var made = await RunAsync("generate", "--project-id", "project-1", "--json");
        var shown = await RunAsync("get", "token-1", "--json");
        var changed = await RunAsync("update", "token-1", "--max-requests", "6", "--json");
        var revoked = await RunAsync("revoke", "token-1", "--json");

        Assert.Equal(FakeApi.Secret, (string?)JsonNode.Parse(made.Succeeded())!["token"]);
        Assert.Equal("token-1", (string?)JsonNode.Parse(shown.Succeeded())!["id"]);
        Assert.Equal(6, (int?)JsonNode.Parse(changed.Succeeded())!["max_requests"]);
        Assert.Equal("revoked", (string?)JsonNode.Parse(revoked.Succeeded())!["status"]);
    }

    [Theory]
    [InlineData("get", "token-9")]
    [InlineData("revoke", "token-9")]
    [InlineData("update", "token-9", "--active", "false")]
    public async Task What_is_not_there_is_exit_code_4(params string[] arguments)
    {
        var refused = await RunAsync(arguments);

        Assert.Equal((ExitCode.Refused, string.Empty), (refused.ExitCode, refused.Output));
        Assert.StartsWith("not_found: ", refused.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_change_of_nothing_is_refused()
    {
        var refused = await RunAsync("update", "token-1");

        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.Contains("--max-requests", refused.Errors, StringComparison.Ordinal);
    }

    private Task<Outcome> RunAsync(params string[] arguments) => _shell.RunAsync(["manage", "token", .. arguments]);

    private async Task MakeAsync(int count)
    {
        for (var i = 0; i < count; i++)
        {
            (await RunAsync("generate", "--project-id", "project-1")).Succeeded();
        }
    }
}
