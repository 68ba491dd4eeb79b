using LlmProxy.Cli;
using Xunit;

namespace LlmProxy.Tests.Cli;

/// <summary>Where <c>manage</c> finds server and credential, and what it says when they do not answer.</summary>
public sealed class ManageConnectionTests : IAsyncLifetime
{
    private readonly Shell _shell = new();
    private FakeApi _api = null!;

    public async ValueTask InitializeAsync() => _api = await FakeApi.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _api.DisposeAsync();
        _shell.Dispose();
    }

    [Fact]
    public async Task Flags_win_over_variables_and_variables_over_the_file()
    {
        await _shell.WriteAsync(".env", "MANAGEMENT_TOKEN=wrong-token-of-the-file\n");
        _shell.Variables["MANAGEMENT_API_BASE_URL"] = "http://127.0.0.1:9";
        _shell.Variables["MANAGEMENT_TOKEN"] = FakeApi.ManagementToken;

        var listed = await ListAsync("--manage-api-base-url", _api.Address.AbsoluteUri);

        listed.Succeeded();
    }

    [Fact]
    public async Task What_no_flag_and_no_variable_gives_stands_in_the_file()
    {
        _shell.Variables["MANAGEMENT_TOKEN"] = string.Empty;
        await _shell.WriteAsync(
            ".env", $"MANAGEMENT_TOKEN='{FakeApi.ManagementToken}'\nMANAGEMENT_API_BASE_URL={_api.Address}\n");

        (await ListAsync()).Succeeded();
    }

    [Fact]
    public async Task The_management_token_may_come_through_the_input()
    {
        _shell.Input = $"{FakeApi.ManagementToken}\r\n";

        (await ListAsync("--manage-api-base-url", _api.Address.AbsoluteUri, "--management-token", "-")).Succeeded();
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("/manage")]
    [InlineData("/manage/")]
    public async Task The_address_may_end_as_people_write_it(string end)
    {
        var listed = await ListAsync(
            "--manage-api-base-url", _api.Address.GetLeftPart(UriPartial.Authority) + end,
            "--management-token", FakeApi.ManagementToken);

        listed.Succeeded();
    }

    [Theory]
    [InlineData("localhost:8080")]
    [InlineData("ftp://localhost")]
    [InlineData("http://user:password@localhost")]
    [InlineData("http://localhost?x=y")]
    [InlineData("")]
    public async Task An_address_that_is_none_is_exit_code_1(string address)
    {
        var refused = await ListAsync("--manage-api-base-url", address, "--management-token", FakeApi.ManagementToken);

        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.Contains("--manage-api-base-url", refused.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_management_token_it_says_how_to_give_one()
    {
        var refused = await ListAsync();

        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.Contains("MANAGEMENT_TOKEN", refused.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_management_token_is_exit_code_3_and_is_not_repeated()
    {
        var refused = await ListAsync(
            "--manage-api-base-url", _api.Address.AbsoluteUri, "--management-token", "wrong-token-of-the-flag");

        Assert.Equal((ExitCode.Authentication, string.Empty), (refused.ExitCode, refused.Output));
        Assert.StartsWith("unauthorized: ", refused.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("wrong-token-of-the-flag", refused.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_exit_code_2()
    {
        var refused = await ListAsync(
            "--manage-api-base-url", "http://127.0.0.1:9", "--management-token", FakeApi.ManagementToken);

        Assert.Equal((ExitCode.Network, string.Empty), (refused.ExitCode, refused.Output));
        Assert.StartsWith("http://127.0.0.1:9 cannot be reached: ", refused.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(503, """{"code":"store_unavailable","detail":"Wait."}""", 2, "store_unavailable: Wait. [HTTP 503")]
    [InlineData(500, "<html>", 2, "The server answered Internal Server Error. [HTTP 500")]
    [InlineData(200, "<html>", 2, "http://127.0.0.1")]
    [InlineData(200, """{"data":"none"}""", 2, "http://127.0.0.1")]
    [InlineData(200, """{"data":[{"surprise":1}],"next_cursor":null}""", 2, "The server's answer is not understood.")]
    [InlineData(404, "404 page not found", 4, "The server answered Not Found. [HTTP 404")]
    [InlineData(302, "", 4, "The server answered Found. [HTTP 302")]
    [InlineData(429, """{"code":"too_many_attempts","detail":"Wait."}""", 4, "too_many_attempts: Wait. [HTTP 429")]
    public async Task Every_answer_has_its_sentence_and_its_exit_code(
        int status, string body, int exitCode, string sentence)
    {
        _api.Answer = (status, body);

        var ended = await ListAsync(
            "--manage-api-base-url", _api.Address.AbsoluteUri, "--management-token", FakeApi.ManagementToken);

        Assert.Equal((exitCode, string.Empty), (ended.ExitCode, ended.Output));
        Assert.StartsWith(sentence, ended.Errors, StringComparison.Ordinal);
    }

    private Task<Outcome> ListAsync(params string[] flags) => _shell.RunAsync(["manage", "project", "list", .. flags]);
}
