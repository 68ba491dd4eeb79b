using System.Text.RegularExpressions;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.CommandLine;

/// <summary><c>llm-proxy setup</c>: from nothing to a token that works.</summary>
public sealed partial class SetupTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Leaves_a_file_only_its_owner_reads_and_a_token_that_the_server_knows()
    {
        await using var upstream = new RawUpstream();
        var route = upstream.DoesAt(
            "/v1/models", static exchange => exchange.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));

        var setup = await RunAsync("--openai-key", "sk-key-of-the-setup-0123456789", "--addr", "127.0.0.1:0");
        var secret = Secret(setup);
        await using var server = Executable.Start(
            _folder.Path, [("OPENAI_API_URL", upstream.Address.GetLeftPart(UriPartial.Authority))], "server");
        var address = await server.ListeningAsync(() => Task.FromResult(server.Errors));
        await using var client = await RawClient.ConnectAsync(address);
        await client.SendAsync(
            $"GET /v1/models HTTP/1.1\r\nHost: {address.Authority}\r\nAuthorization: Bearer {secret}\r\n\r\n");

        Assert.Equal(200, (await client.ReadAnswerAsync())?.Status);
        Assert.Equal("Bearer sk-key-of-the-setup-0123456789", route.Request.Head.Value("Authorization"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_folder.File(".env")));
    }

    [Fact]
    public async Task Keeps_what_the_file_already_says()
    {
        await _folder.WriteAsync(
            ".env", "# mine\nMANAGEMENT_TOKEN=my-own-management-token-1234\nLOG_LEVEL=warn\nDATABASE_PATH=mine.db\n");

        var setup = await RunAsync("--openai-key", "sk-key-of-the-setup-0123456789", "--addr", "127.0.0.1:0");
        var file = await File.ReadAllTextAsync(_folder.File(".env"), TestContext.Current.CancellationToken);

        Assert.True(setup.ExitCode == 0, setup.Errors);
        Assert.Contains("# mine", file, StringComparison.Ordinal);
        Assert.Contains("MANAGEMENT_TOKEN=my-own-management-token-1234", file, StringComparison.Ordinal);
        Assert.Contains("LOG_LEVEL=warn", file, StringComparison.Ordinal);
        Assert.True(File.Exists(_folder.File("mine.db")));
    }

    [Fact]
    public async Task Shows_neither_the_providers_key_nor_the_management_token()
    {
        var setup = await RunAsync("--openai-key", "sk-key-of-the-setup-0123456789", "--addr", "127.0.0.1:0");
        var file = await File.ReadAllLinesAsync(_folder.File(".env"), TestContext.Current.CancellationToken);
        var line = file.Single(static line => line.StartsWith("MANAGEMENT_TOKEN=", StringComparison.Ordinal));
        var managementToken = line.Split('=', 2)[1];

        Assert.DoesNotContain("sk-key-of-the-setup", setup.Output + setup.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain(managementToken.Trim('"'), setup.Output + setup.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_key_it_says_what_is_missing()
    {
        var setup = await RunAsync();

        Assert.Equal(1, setup.ExitCode);
        Assert.Contains("--openai-key", setup.Errors, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder.File(".env")));
    }

    private Task<CommandResult> RunAsync(params string[] arguments) =>
        Executable.RunAsync(_folder.Path, [], string.Empty, ["setup", .. arguments]);

    private static string Secret(CommandResult setup)
    {
        Assert.True(setup.ExitCode == 0, setup.Errors);
        return Assert.Single(TokenSecret().Matches(setup.Output)).Value;
    }

    [GeneratedRegex("llmp_[0-9A-Za-z]{49}", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex TokenSecret();
}
