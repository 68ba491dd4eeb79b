using Xunit;

namespace LlmProxy.Tests.Cli;

public sealed class ServerCommandTests : IDisposable
{
    private readonly Shell _shell = new();

    public void Dispose() => _shell.Dispose();

    [Theory]
    [InlineData("--addr", "LISTEN_ADDR")]
    [InlineData("--db", "DATABASE_PATH")]
    [InlineData("--config", "API_CONFIG_PATH")]
    [InlineData("-c", "API_CONFIG_PATH")]
    [InlineData("--env", "ENV")]
    [InlineData("--log-level", "LOG_LEVEL")]
    [InlineData("--log-file", "LOG_FILE")]
    public async Task Each_flag_stands_for_a_setting(string flag, string setting)
    {
        await _shell.RunAsync("server", flag, "value");

        var given = Assert.Single(Assert.Single(_shell.ServerFlags), static entry => entry.Value is not null);
        Assert.Equal((setting, "value"), (given.Key, given.Value));
    }

    [Theory]
    [InlineData]
    [InlineData("--addr", ":9000")]
    [InlineData("-c", "providers.yaml")]
    public async Task It_is_the_command_when_none_is_named(params string[] arguments)
    {
        var named = await _shell.RunAsync(["server", .. arguments]);
        var unnamed = await _shell.RunAsync(arguments);

        Assert.Equal(named, unnamed);
        Assert.Equal(_shell.ServerFlags[0], _shell.ServerFlags[1]);
    }

    [Fact]
    public async Task The_event_log_is_a_setting_like_any_other()
    {
        await _shell.RunAsync("server", "--file-event-log", "events.jsonl");

        Assert.Equal("events.jsonl", Assert.Single(_shell.ServerFlags)["FILE_EVENT_LOG"]);
    }
}
