using System.Text.Json;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.CommandLine;

/// <summary><c>llm-proxy manage</c>, as a person and as a script uses it.</summary>
public sealed class ManageTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    [Fact]
    public async Task A_project_lives_its_life()
    {
        var created = await JsonAsync(
            "project", "create", "--name", "cli project", "--openai-key", "sk-key-of-the-cli-0123456789");
        var id = created.GetProperty("id").GetString()!;

        var got = await JsonAsync("project", "get", id);
        await JsonAsync("project", "update", id, "--name", "renamed");
        var listed = await JsonAsync("project", "list");
        var deleted = await RunAsync("project", "delete", id, "--yes");
        var gone = await RunAsync("project", "get", id);

        Assert.Equal("cli project", got.GetProperty("name").GetString());
        Assert.Contains(listed.EnumerateArray(), project =>
            project.GetProperty("id").GetString() == id && project.GetProperty("name").GetString() == "renamed");
        Assert.Equal(0, deleted.ExitCode);
        Assert.Equal(4, gone.ExitCode);
        Assert.DoesNotContain("sk-key-of-the-cli", created + got.ToString() + listed, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_lives_its_life()
    {
        var route = rig.Upstream.Answers("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        var generated = await JsonAsync(
            "token", "generate", "--project-id", rig.Token.ProjectId, "--duration", "90m", "--max-requests", "5");
        var (id, secret) = (generated.GetProperty("id").GetString()!, generated.GetProperty("token").GetString()!);

        var used = (await rig.Proxy.GetAsync(route.Path, secret)).Status;
        var got = await JsonAsync("token", "get", id);
        var updated = await JsonAsync("token", "update", id, "--max-requests", "6");
        var listed = await JsonAsync("token", "list", "--project-id", rig.Token.ProjectId);
        var revoked = await RunAsync("token", "revoke", id);
        var refused = (await rig.Proxy.GetAsync(route.Path, secret)).Status;

        Assert.Equal(200, used);
        Assert.Equal(5, got.GetProperty("max_requests").GetInt32());
        Assert.Equal(6, updated.GetProperty("max_requests").GetInt32());
        Assert.Contains(listed.EnumerateArray(), token => token.GetProperty("id").GetString() == id);
        Assert.Equal(0, revoked.ExitCode);
        Assert.Equal(401, refused);
        Assert.DoesNotContain(secret, got.ToString() + updated + listed, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2", 120)]
    [InlineData("90m", 90)]
    [InlineData("24h", 1440)]
    [InlineData("7d", 10080)]
    public async Task A_duration_is_read_as_people_write_it(string duration, int minutes)
    {
        var generated = await JsonAsync(
            "token", "generate", "--project-id", rig.Token.ProjectId, "--duration", duration);

        var id = generated.GetProperty("id").GetString();
        var token = (await rig.Proxy.Management.SendAsync("GET", $"/manage/tokens/{id}")).Json;
        var (begins, ends) = (token.GetProperty("created_at"), token.GetProperty("expires_at"));
        Assert.Equal(minutes, (ends.GetDateTimeOffset() - begins.GetDateTimeOffset()).TotalMinutes, tolerance: 0.1);
    }

    [Fact]
    public async Task A_list_for_people_is_a_table_and_a_list_for_scripts_is_json()
    {
        var table = await RunAsync("token", "list");
        var json = await RunAsync("token", "list", "--json");

        Assert.Contains(rig.Token.Id, table.Output, StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Array, JsonDocument.Parse(json.Output).RootElement.ValueKind);
        Assert.Empty(json.Errors);
    }

    [Fact]
    public async Task A_list_follows_its_pages_to_the_end()
    {
        var project = await rig.Proxy.Management.CreateProjectAsync();
        for (var i = 0; i < 230; i++)
        {
            await rig.Proxy.Management.CreateTokenAsync(project);
        }

        var listed = await JsonAsync("token", "list", "--project-id", project);

        var ids = listed.EnumerateArray().Select(static token => token.GetProperty("id").GetString());
        Assert.Equal(230, ids.Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public async Task The_token_is_shown_once_to_the_person_who_made_it()
    {
        var generated = await RunAsync("token", "generate", "--project-id", rig.Token.ProjectId);

        Assert.Equal(0, generated.ExitCode);
        Assert.Matches("llmp_[0-9A-Za-z]{49}", generated.Output);
    }

    [Fact]
    public async Task What_no_flag_says_is_read_from_the_environment_and_then_from_the_env_file()
    {
        using var folder = new TempFolder();
        var server = rig.Proxy.Address.GetLeftPart(UriPartial.Authority);
        await folder.WriteAsync(
            ".env", $"MANAGEMENT_TOKEN={ProxyProcess.ManagementToken}\nMANAGEMENT_API_BASE_URL=http://127.0.0.1:9\n");

        var made = await Executable.RunAsync(
            folder.Path,
            [("MANAGEMENT_API_BASE_URL", server), ("OPENAI_API_KEY", "sk-key-of-the-environment-wxyz")],
            string.Empty,
            "manage", "project", "create", "--name", "by the environment", "--json");

        Assert.True(made.ExitCode == 0, made.Errors);
        Assert.Contains("\"wxyz\"", made.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_key_may_come_through_the_input_where_nobody_sees_it()
    {
        using var folder = new TempFolder();
        var server = rig.Proxy.Address.GetLeftPart(UriPartial.Authority);

        var made = await Executable.RunAsync(
            folder.Path,
            [("MANAGEMENT_TOKEN", ProxyProcess.ManagementToken), ("MANAGEMENT_API_BASE_URL", server)],
            "sk-key-through-the-input-abcd\n",
            "manage", "project", "create", "--name", "through the input", "--openai-key", "-", "--json");

        Assert.True(made.ExitCode == 0, made.Errors);
        Assert.Contains("\"abcd\"", made.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_management_token_is_exit_code_3()
    {
        var refused = await RunAsync("project", "list", "--management-token", "wrong-token-0123456789");

        Assert.Equal(3, refused.ExitCode);
        Assert.Empty(refused.Output);
        Assert.NotEmpty(refused.Errors);
    }

    [Fact]
    public async Task A_proxy_that_is_not_there_is_exit_code_2()
    {
        var refused = await RunAsync("project", "list", "--manage-api-base-url", "http://127.0.0.1:9");

        Assert.Equal(2, refused.ExitCode);
        Assert.NotEmpty(refused.Errors);
    }

    [Theory]
    [InlineData("project", "get", "00000000-0000-7000-8000-000000000000")]
    [InlineData("project", "delete", "00000000-0000-7000-8000-000000000000", "--yes")]
    [InlineData("token", "get", "00000000-0000-7000-8000-000000000000")]
    [InlineData("token", "revoke", "00000000-0000-7000-8000-000000000000")]
    [InlineData("token", "generate", "--project-id", "00000000-0000-7000-8000-000000000000")]
    public async Task What_is_not_there_is_exit_code_4(params string[] arguments)
    {
        var refused = await RunAsync(arguments);

        Assert.Equal(4, refused.ExitCode);
        Assert.NotEmpty(refused.Errors);
    }

    [Theory]
    [InlineData("project", "create")]
    [InlineData("project", "create", "--name", "only a name")]
    [InlineData("project", "update", "00000000-0000-7000-8000-000000000000")]
    [InlineData("project", "get")]
    [InlineData("project", "delete", "00000000-0000-7000-8000-000000000000")]
    [InlineData("token", "generate")]
    [InlineData("token", "generate", "--project-id", "x", "--duration", "soon")]
    [InlineData("token", "generate", "--project-id", "x", "--max-requests", "many")]
    [InlineData("token", "frobnicate")]
    public async Task A_command_that_is_not_complete_is_exit_code_1(params string[] arguments)
    {
        var refused = await RunAsync(arguments);

        Assert.Equal(1, refused.ExitCode);
        Assert.NotEmpty(refused.Errors);
    }

    private async Task<JsonElement> JsonAsync(params string[] arguments)
    {
        var ended = await RunAsync([.. arguments, "--json"]);
        Assert.True(ended.ExitCode == 0, ended.Errors);
        return JsonDocument.Parse(ended.Output).RootElement;
    }

    private async Task<CommandResult> RunAsync(params string[] arguments)
    {
        using var folder = new TempFolder();
        string[] address = arguments.Contains("--manage-api-base-url", StringComparer.Ordinal)
            ? []
            : ["--manage-api-base-url", rig.Proxy.Address.GetLeftPart(UriPartial.Authority)];
        return await Executable.RunAsync(
            folder.Path,
            [("MANAGEMENT_TOKEN", ProxyProcess.ManagementToken)],
            string.Empty,
            ["manage", .. arguments, .. address]);
    }
}
