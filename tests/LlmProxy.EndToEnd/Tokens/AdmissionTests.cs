using System.Text.Json;
using LlmProxy.EndToEnd.Fixtures;
using Microsoft.Data.Sqlite;

namespace LlmProxy.EndToEnd.Tokens;

/// <summary>Who gets in, and that nobody learns from a refusal which tokens exist.</summary>
public sealed class AdmissionTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    private const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    [Fact]
    public async Task Unknown_revoked_and_malformed_tokens_are_refused_in_the_same_words()
    {
        var revoked = await rig.Proxy.Management.CreateTokenAsync(rig.Token.ProjectId);
        await rig.Proxy.Management.RevokeAsync(revoked);
        var unknown = NeighbourOf(revoked.Secret);

        var answers = new List<RawAnswer>();
        foreach (var secret in new[] { revoked.Secret, unknown, "llmp_garbage", "sk-something", new string('x', 500) })
        {
            answers.Add(await rig.Proxy.GetAsync("/v1/x", secret));
        }

        Assert.All(answers, answer =>
        {
            Assert.Equal(401, answer.Status);
            Assert.Equal(answers[0].Body.Content, answer.Body.Content);
            Assert.Equal(HeaderNames(answers[0]), HeaderNames(answer));
        });
    }

    [Fact]
    public async Task An_expired_token_is_refused_in_the_same_words_as_an_unknown_one()
    {
        await using var upstream = new RawUpstream();
        using var folder = new TempFolder();
        var setup = new ProxySetup { ProviderYaml = ProviderYaml.For(upstream.Address) };
        IssuedToken token;
        await using (var before = await ProxyProcess.StartAsync(folder, setup))
        {
            token = await before.Management.CreateTokenAsync();
            await before.StopAsync();
        }

        await ExpireEverythingAsync(folder.File("llm-proxy.db"));
        await using var proxy = await ProxyProcess.StartAsync(folder, setup);
        var expired = await proxy.GetAsync("/v1/x", token.Secret);
        var unknown = await proxy.GetAsync("/v1/x", "llmp_unknown");

        Assert.Equal(401, expired.Status);
        Assert.Equal(unknown.Body.Content, expired.Body.Content);
    }

    [Theory]
    [InlineData("")]
    [InlineData("Authorization:\r\n")]
    [InlineData("Authorization: Bearer\r\n")]
    [InlineData("Authorization: Basic {token}\r\n")]
    [InlineData("Authorization: {token}\r\n")]
    [InlineData("Authorization: Bearer {token} x\r\n")]
    [InlineData("Authorization: Bearer {token}, Bearer {token}\r\n")]
    [InlineData("Authorization: Bearer {token}\r\nAuthorization: Bearer {token}\r\n")]
    [InlineData("Authorization: Bearer \"{token}\"\r\n")]
    [InlineData("Authorization: Bearer ' OR 1=1 --\r\n")]
    [InlineData("Authorization: Bearer {management}\r\n")]
    [InlineData("X-Api-Token: {token}\r\n")]
    [InlineData("Cookie: token={token}\r\n")]
    public async Task Anything_but_exactly_one_bearer_token_is_refused(string lines)
    {
        var route = rig.Upstream.Answers(Ok);

        var answer = await rig.SendAsync(
            $"GET {route.Path} HTTP/1.1\r\nHost: {rig.Authority}\r\n{Filled(lines)}\r\n");

        Assert.Equal(401, answer?.Status);
        Assert.NotNull(answer?.Head.Value("WWW-Authenticate"));
        Assert.Empty(route.Requests);
    }

    [Fact]
    public async Task A_token_in_the_url_is_no_credential()
    {
        var route = rig.Upstream.Answers(Ok);

        var answer = await rig.SendAsync(
            $"GET {route.Path}?token={rig.Token.Secret}&api_key={rig.Token.Secret} HTTP/1.1\r\n"
            + $"Host: {rig.Authority}\r\n\r\n");

        Assert.Equal(401, answer?.Status);
        Assert.Empty(route.Requests);
    }

    [Theory]
    [InlineData("bearer")]
    [InlineData("BEARER")]
    public async Task The_scheme_is_read_without_regard_to_case(string scheme)
    {
        var route = rig.Upstream.Answers(Ok);

        var answer = await rig.SendAsync(
            $"GET {route.Path} HTTP/1.1\r\nHost: {rig.Authority}\r\n"
            + $"Authorization: {scheme} {rig.Token.Secret}\r\n\r\n");

        Assert.Equal(200, answer?.Status);
    }

    [Fact]
    public async Task A_token_opens_no_door_of_the_management()
    {
        using var management = new ManagementClient(rig.Proxy.Address, rig.Token.Secret);

        Assert.Equal(401, (await management.SendAsync("GET", "/manage/projects")).Status);
        Assert.Equal(401, (await management.SendAsync("GET", $"/manage/tokens/{rig.Token.Id}")).Status);
    }

    [Fact]
    public async Task A_refusal_has_the_form_that_openais_clients_know()
    {
        var answer = await rig.SendAsync($"GET /v1/x HTTP/1.1\r\nHost: {rig.Authority}\r\n\r\n");

        var error = JsonDocument.Parse(answer!.Body.Text).RootElement.GetProperty("error");
        Assert.Equal("invalid_token", error.GetProperty("code").GetString());
        Assert.NotEmpty(error.GetProperty("message").GetString()!);
        Assert.NotEmpty(error.GetProperty("type").GetString()!);
        Assert.Equal(JsonValueKind.Null, error.GetProperty("param").ValueKind);
    }

    [Fact]
    public async Task The_log_knows_why_a_token_was_refused_and_does_not_know_the_token()
    {
        using var folder = new TempFolder();
        await using var upstream = new RawUpstream();
        var yaml = ProviderYaml.For(upstream.Address);
        await using var proxy = await ProxyProcess.StartAsync(
            folder, new ProxySetup { ProviderYaml = yaml, Settings = [("LOG_LEVEL", "debug")] });
        var token = await proxy.Management.CreateTokenAsync();
        await proxy.Management.RevokeAsync(token);

        await proxy.GetAsync("/v1/x", token.Secret);

        await Eventually.HoldsAsync(
            () => proxy.Log.Contains("revoked", StringComparison.OrdinalIgnoreCase), "the log told the reason");
        Assert.DoesNotContain(token.Secret, proxy.Log, StringComparison.Ordinal);
    }

    private string Filled(string lines) => lines
        .Replace("{token}", rig.Token.Secret, StringComparison.Ordinal)
        .Replace("{management}", ProxyProcess.ManagementToken, StringComparison.Ordinal);

    private static string HeaderNames(RawAnswer answer) =>
        string.Join(',', answer.Head.Headers.Select(static header => header.Name));

    /// <summary>The right prefix and length, but a token that was never issued.</summary>
    private static string NeighbourOf(string secret) =>
        secret[..10] + (secret[10] == 'A' ? 'B' : 'A') + secret[11..];

    /// <summary>
    /// A token lives a minute at least, which is too long to wait for: its database is told that it is over.
    /// </summary>
    private static async Task ExpireEverythingAsync(string database)
    {
        await using var connection = new SqliteConnection($"Data Source={database};Pooling=False");
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = connection.CreateCommand();
        command.CommandText = "UPDATE tokens SET expires_at = 1";
        Assert.Equal(1, await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken));
    }
}
