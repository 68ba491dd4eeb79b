using System.Text.Json.Nodes;
using LlmProxy.Cli;
using Xunit;

namespace LlmProxy.Tests.Cli;

public sealed class ManageProjectTests : IAsyncLifetime
{
    private const string ProviderKey = "sk-key-of-the-tests-1234";

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
    public async Task A_project_is_made_and_its_key_is_not_shown()
    {
        var made = await RunAsync("create", "--name", "website", "--openai-key", ProviderKey);

        Assert.Contains("ID:            project-1\n", made.Succeeded(), StringComparison.Ordinal);
        Assert.Contains("API key:       …1234\n", made.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(ProviderKey, made.Output + made.Errors, StringComparison.Ordinal);
        Assert.Equal($$"""{"name":"website","api_key":"{{ProviderKey}}"}""", _api.Received[^1].Body);
    }

    [Theory]
    [InlineData("--openai-key")]
    [InlineData("--api-key")]
    public async Task The_key_may_come_through_the_input(string flag)
    {
        _shell.Input = $"{ProviderKey}\n";

        (await RunAsync("create", "--name", "website", flag, "-")).Succeeded();

        Assert.Contains(ProviderKey, _api.Received[^1].Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_key_may_stand_in_the_settings_file()
    {
        await _shell.WriteAsync(".env", $"OPENAI_API_KEY={ProviderKey}\n");

        (await RunAsync("create", "--name", "website")).Succeeded();

        Assert.Contains(ProviderKey, _api.Received[^1].Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_key_there_is_no_project()
    {
        var refused = await RunAsync("create", "--name", "website");

        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.Contains("--openai-key", refused.Errors, StringComparison.Ordinal);
        Assert.Empty(_api.Received);
    }

    [Fact]
    public async Task A_list_follows_its_pages_and_is_a_table_without_lines_in_a_pipe()
    {
        await MakeAsync("one", "two", "three", "four", "five");

        var listed = await RunAsync("list");

        var lines = listed.Succeeded().TrimEnd('\n').Split('\n');
        Assert.Equal(6, lines.Length);
        Assert.Matches("^ID +NAME +ACTIVE +API KEY +REQUESTS +TOKENS +COST +CREATED", lines[0].Trim());
        Assert.Matches(
            @"^project-5 +five +yes +…1234 +0 of unlimited +0 of unlimited +\$0\.00 of unlimited +2026-01-02 03:04",
            lines[5].Trim());
        Assert.DoesNotContain('\e', listed.Output);
    }

    [Fact]
    public async Task A_table_on_a_terminal_has_lines_and_whole_names()
    {
        var name = new string('n', 200);
        await MakeAsync(name);
        _shell.OutputIsTerminal = true;

        var listed = await RunAsync("list");

        Assert.Contains(name, listed.Succeeded(), StringComparison.Ordinal);
        Assert.Contains('│', listed.Output);
        Assert.Contains('\e', listed.Output);
    }

    [Fact]
    public async Task A_terminal_that_wants_no_colours_gets_none()
    {
        await MakeAsync("website");
        _shell.OutputIsTerminal = true;
        _shell.Variables["NO_COLOR"] = "1";

        Assert.DoesNotContain('\e', (await RunAsync("list")).Succeeded());
    }

    [Fact]
    public async Task A_name_cannot_steer_the_terminal()
    {
        await MakeAsync("a\e]0;title\ab");

        var listed = await RunAsync("list");

        Assert.Contains("a]0;titleb", listed.Succeeded(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_list_for_programs_is_one_array_of_what_the_api_answered()
    {
        await MakeAsync("one", "zwei – ü", "three");

        var listed = await RunAsync("list", "--json");

        var array = JsonNode.Parse(listed.Succeeded())!.AsArray();
        var kept = new JsonArray([.. _api.Projects.Select(static project => project.DeepClone())]);
        Assert.True(JsonNode.DeepEquals(kept, array), listed.Output);
        Assert.Contains("zwei – ü", listed.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_empty_list_says_so_beside_the_result()
    {
        var people = await RunAsync("list");
        var programs = await RunAsync("list", "--json");

        Assert.Empty(people.Succeeded());
        Assert.NotEmpty(people.Errors);
        Assert.Equal("[]\n", programs.Succeeded());
    }

    [Fact]
    public async Task One_project_is_shown_by_its_id()
    {
        await MakeAsync("website");

        var people = await RunAsync("get", "project-1");
        var programs = await RunAsync("get", "project-1", "--json");

        Assert.Contains("Name:          website\n", people.Succeeded(), StringComparison.Ordinal);
        Assert.Equal("website", (string?)JsonNode.Parse(programs.Succeeded())!["name"]);
    }

    [Fact]
    public async Task Only_what_is_given_changes()
    {
        await MakeAsync("website");

        (await RunAsync("update", "project-1", "--name", "shop")).Succeeded();
        var renamed = _api.Received[^1].Body;
        (await RunAsync("update", "project-1", "--active", "false", "--revoke-tokens")).Succeeded();
        var stopped = _api.Received[^1].Body;

        Assert.Equal("""{"name":"shop"}""", renamed);
        Assert.Equal("""{"is_active":false,"revoke_tokens":true}""", stopped);
    }

    [Theory]
    [InlineData]
    [InlineData("--revoke-tokens")]
    [InlineData("--active", "true", "--revoke-tokens")]
    [InlineData("--active", "maybe")]
    [InlineData("--active")]
    [InlineData("--openai-key", "two words")]
    public async Task A_change_that_is_none_is_refused_before_anything_is_sent(params string[] flags)
    {
        var refused = await RunAsync(["update", "project-1", .. flags]);

        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.NotEmpty(refused.Errors);
        Assert.Empty(_api.Received);
    }

    [Fact]
    public async Task Deleting_needs_a_yes_where_nobody_can_be_asked()
    {
        await MakeAsync("website");

        var refused = await RunAsync("delete", "project-1");
        var deleted = await RunAsync("delete", "project-1", "--yes", "--json");

        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.Contains("--yes", refused.Errors, StringComparison.Ordinal);
        Assert.Equal("deleted", (string?)JsonNode.Parse(deleted.Succeeded())!["status"]);
        Assert.Empty(_api.Projects);
    }

    [Theory]
    [InlineData("y\n", 0, 0)]
    [InlineData("what?\nyes\n", 0, 0)]
    [InlineData("n\n", 4, 1)]
    [InlineData("\n", 4, 1)]
    [InlineData("", 4, 1)]
    public async Task On_a_terminal_it_asks_before_it_deletes(string answer, int exitCode, int left)
    {
        await MakeAsync("website");
        (_shell.InputIsTerminal, _shell.Input) = (true, answer);

        var ended = await RunAsync("delete", "project-1");

        Assert.Equal(exitCode, ended.ExitCode);
        Assert.Contains("'website'", ended.Errors, StringComparison.Ordinal);
        Assert.Equal(left, _api.Projects.Count);
    }

    [Fact]
    public async Task A_problem_is_told_with_its_code_its_field_and_the_request()
    {
        await MakeAsync("website");

        var refused = await RunAsync("create", "--name", "website", "--openai-key", ProviderKey);

        Assert.Equal(ExitCode.Refused, refused.ExitCode);
        Assert.Equal(
            "duplicate_name: There is a project with this name. (name) [HTTP 409, request request-1]\n",
            refused.Errors);
    }

    [Theory]
    [InlineData("get", "project-9")]
    [InlineData("update", "project-9", "--name", "x")]
    [InlineData("delete", "project-9", "--yes")]
    public async Task What_is_not_there_is_exit_code_4(params string[] arguments)
    {
        var refused = await RunAsync(arguments);

        Assert.Equal((ExitCode.Refused, string.Empty), (refused.ExitCode, refused.Output));
        Assert.StartsWith("not_found: ", refused.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../tokens")]
    [InlineData("..")]
    [InlineData("a?b")]
    [InlineData("")]
    public async Task An_id_cannot_lead_to_another_path(string id)
    {
        var refused = await RunAsync("get", id);

        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.Empty(_api.Received);
    }

    private Task<Outcome> RunAsync(params string[] arguments) => _shell.RunAsync(["manage", "project", .. arguments]);

    private async Task MakeAsync(params string[] names)
    {
        foreach (var name in names)
        {
            (await RunAsync("create", "--name", name, "--openai-key", ProviderKey)).Succeeded();
        }
    }
}
