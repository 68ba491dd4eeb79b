using System.Text.Json.Nodes;
using LlmProxy.Cli;
using LlmProxy.Settings;
using Xunit;

namespace LlmProxy.Tests.Cli;

public sealed class SetupTests : IAsyncLifetime
{
    private const string ProviderKey = "sk-key-of-the-tests-1234";

    private readonly Shell _shell = new();
    private FakeApi _api = null!;

    public async ValueTask InitializeAsync()
    {
        _api = await FakeApi.StartAsync();
        _shell.StartServer = () => Task.FromResult(_api.AsProgram());
        _shell.Variables["MANAGEMENT_TOKEN"] = FakeApi.ManagementToken;
    }

    public async ValueTask DisposeAsync()
    {
        await _api.DisposeAsync();
        _shell.Dispose();
    }

    [Fact]
    public async Task Makes_the_file_the_project_and_the_token()
    {
        var setup = await SetUpAsync("--openai-key", ProviderKey, "--duration", "7d", "--project", "website");

        Assert.Equal(
            $"MANAGEMENT_TOKEN={FakeApi.ManagementToken}\nDATABASE_PATH=data/llm-proxy.db\n"
            + "LISTEN_ADDR=127.0.0.1:8080\n",
            await _shell.ReadAsync(".env"));
        Assert.Contains($"Token:         {FakeApi.Secret}\n", setup.Succeeded(), StringComparison.Ordinal);
        Assert.Equal("website", (string?)Assert.Single(_api.Projects)["name"]);
        Assert.Contains("\"duration_minutes\":10080", _api.Received[^1].Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Starts_the_server_on_the_file_and_a_free_port()
    {
        (await SetUpAsync("--openai-key", ProviderKey, "--db", "mine.db", "--addr", ":9000")).Succeeded();

        var flags = Assert.Single(_shell.ServerFlags);
        Assert.Equal(_shell.PathOf(".env"), flags["ENV"]);
        Assert.Equal("mine.db", flags["DATABASE_PATH"]);
        Assert.Equal("127.0.0.1:0", flags["LISTEN_ADDR"]);
        Assert.Equal(FakeApi.ManagementToken, flags["MANAGEMENT_TOKEN"]);
    }

    [Fact]
    public async Task Lets_only_the_owner_read_the_file()
    {
        await _shell.WriteAsync(".env", "LOG_LEVEL=debug\n");

        (await SetUpAsync("--skip-project")).Succeeded();

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_shell.PathOf(".env")));
        Assert.Equal(_shell.PathOf(".env"), Assert.Single(Directory.EnumerateFileSystemEntries(_shell.Folder)));
    }

    [Fact]
    public async Task Generates_a_management_token_and_tells_only_where_it_stands()
    {
        _shell.Variables.Clear();

        var setup = await SetUpAsync("--skip-project");

        var token = (await _shell.ReadAsync(".env")).Split('\n')[0].Split('=')[1];
        Assert.Matches("^[0-9a-f]{64}$", token);
        Assert.DoesNotContain(token, setup.Succeeded() + setup.Errors, StringComparison.Ordinal);
        Assert.Contains(_shell.PathOf(".env"), setup.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Shows_and_stores_the_providers_key_nowhere()
    {
        var setup = await SetUpAsync("--openai-key", ProviderKey);

        Assert.DoesNotContain(ProviderKey, setup.Succeeded() + setup.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain(ProviderKey, await _shell.ReadAsync(".env"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_again_it_changes_nothing_and_makes_nothing_twice()
    {
        (await SetUpAsync("--openai-key", ProviderKey)).Succeeded();
        var before = await _shell.ReadAsync(".env");

        var again = await SetUpAsync("--openai-key", ProviderKey);

        Assert.Empty(again.Succeeded());
        Assert.Contains("'DefaultProject' is there already", again.Errors, StringComparison.Ordinal);
        Assert.Equal(before, await _shell.ReadAsync(".env"));
        Assert.Equal((1, 1), (_api.Projects.Count, _api.Tokens.Count));
    }

    [Fact]
    public async Task Makes_another_token_when_asked_for_and_needs_no_key_then()
    {
        (await SetUpAsync("--openai-key", ProviderKey)).Succeeded();

        var again = await SetUpAsync("--new-token");

        Assert.Contains(FakeApi.Secret, again.Succeeded(), StringComparison.Ordinal);
        Assert.Equal((1, 2), (_api.Projects.Count, _api.Tokens.Count));
    }

    [Fact]
    public async Task Another_token_of_a_project_that_is_not_there_is_refused()
    {
        var refused = await SetUpAsync("--new-token", "--project", "nobody");

        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.Contains("'nobody'", refused.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--openai-key")]
    [InlineData("--addr must be", "--skip-project", "--addr", "nowhere")]
    [InlineData("--duration must be", "--openai-key", ProviderKey, "--duration", "soon")]
    [InlineData("at least 16 characters", "--skip-project", "--management-token", "short")]
    [InlineData("visible ASCII", "--skip-project", "--management-token", "a management token")]
    [InlineData("visible ASCII", "--openai-key", "sk-two words")]
    [InlineData("exclude each other", "--interactive", "--non-interactive")]
    public async Task What_is_wrong_is_found_before_anything_is_written(string sentence, params string[] flags)
    {
        _shell.Variables.Clear();

        var refused = await SetUpAsync(flags);

        Assert.Equal((ExitCode.Usage, string.Empty), (refused.ExitCode, refused.Output));
        Assert.Contains(sentence, refused.Errors, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_shell.Folder));
        Assert.Empty(_shell.ServerFlags);
    }

    [Theory]
    [InlineData("--management-token", "another-token-of-the-flag", "MANAGEMENT_TOKEN=token-of-the-file-1234")]
    [InlineData("--db", "other.db", "DATABASE_PATH=mine.db")]
    [InlineData("--addr", ":1", "LISTEN_ADDR=:2")]
    public async Task A_flag_that_contradicts_the_file_is_refused(string flag, string value, string line)
    {
        _shell.Variables.Clear();
        await _shell.WriteAsync(".env", $"{line}\n");

        var refused = await SetUpAsync("--skip-project", flag, value);

        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.Contains(flag, refused.Errors, StringComparison.Ordinal);
        Assert.Equal($"{line}\n", await _shell.ReadAsync(".env"));
    }

    [Fact]
    public async Task A_variable_that_will_win_over_the_file_is_pointed_out()
    {
        await _shell.WriteAsync(".env", "MANAGEMENT_TOKEN=token-of-the-file-1234\n");

        var setup = await SetUpAsync("--openai-key", ProviderKey);

        setup.Succeeded();
        Assert.Contains("MANAGEMENT_TOKEN of the environment is not ", setup.Errors, StringComparison.Ordinal);
        Assert.Equal(FakeApi.ManagementToken, Assert.Single(_shell.ServerFlags)["MANAGEMENT_TOKEN"]);
    }

    [Fact]
    public async Task Asks_for_what_no_flag_gives()
    {
        _shell.Input = $"my.db\n:9000\ny\nwebsite\n{ProviderKey}\n90m\n";

        var setup = await SetUpAsync("--interactive");

        Assert.Contains(FakeApi.Secret, setup.Succeeded(), StringComparison.Ordinal);
        Assert.EndsWith(
            "DATABASE_PATH=my.db\nLISTEN_ADDR=:9000\n", await _shell.ReadAsync(".env"), StringComparison.Ordinal);
        Assert.Equal($$"""{"name":"website","api_key":"{{ProviderKey}}"}""", _api.Received[1].Body);
        Assert.Contains("\"duration_minutes\":90", _api.Received[2].Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task On_a_terminal_it_asks_and_a_key_that_is_typed_is_not_echoed()
    {
        _shell.InputIsTerminal = true;
        var typed = $"{ProviderKey}x".Select(static character => new KeyPress(Key.Character, character));
        _shell.Keys = new Queue<KeyPress>([.. typed, new(Key.Backspace), new(Key.Enter)]);

        var setup = await SetUpAsync("--project", "website", "--db", "my.db", "--addr", ":1", "--duration", "1h");

        setup.Succeeded();
        Assert.DoesNotContain("sk-", setup.Output + setup.Errors, StringComparison.Ordinal);
        Assert.Equal(ProviderKey, (string?)JsonNode.Parse(_api.Received[1].Body)!["api_key"]);
    }

    [Fact]
    public async Task Enter_takes_what_is_proposed()
    {
        _shell.Input = "\n\nn\n";

        (await SetUpAsync("--interactive")).Succeeded();

        Assert.Contains("LISTEN_ADDR=127.0.0.1:8080\n", await _shell.ReadAsync(".env"), StringComparison.Ordinal);
        Assert.Empty(_api.Received);
    }

    [Fact]
    public async Task Asks_whether_a_project_that_is_there_gets_another_token()
    {
        (await SetUpAsync("--openai-key", ProviderKey)).Succeeded();
        _shell.Input = "y\n";

        var again = await SetUpAsync(
            "--interactive", "--project", "DefaultProject", "--openai-key", ProviderKey, "--duration", "1h");

        Assert.Contains(FakeApi.Secret, again.Succeeded(), StringComparison.Ordinal);
        Assert.Equal(2, _api.Tokens.Count);
    }

    [Fact]
    public async Task A_server_that_does_not_start_says_why_and_the_file_stays_for_the_next_time()
    {
        _shell.StartServer = static () => throw new StartFailure("DATABASE_PATH is a folder.");

        var failed = await SetUpAsync("--openai-key", ProviderKey);

        Assert.Equal(ExitCode.Usage, failed.ExitCode);
        Assert.Contains("DATABASE_PATH is a folder.", failed.Errors, StringComparison.Ordinal);
        Assert.True(File.Exists(_shell.PathOf(".env")));
    }

    [Fact]
    public async Task The_file_may_stand_elsewhere_and_the_hint_says_how_to_use_it()
    {
        var setup = await SetUpAsync("--skip-project", "--config", "etc/llm-proxy.env");

        setup.Succeeded();
        var path = _shell.PathOf("etc/llm-proxy.env");
        Assert.True(File.Exists(path));
        Assert.EndsWith($"llm-proxy server --env {path}\n", setup.Errors, StringComparison.Ordinal);
    }

    private Task<Outcome> SetUpAsync(params string[] flags) => _shell.RunAsync(["setup", .. flags]);
}
