using System.Text.Json;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Management;

/// <summary>The management side of the native binary: its pages, its errors, its door.</summary>
public sealed class ManagementApiTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    private ManagementClient Management => rig.Proxy.Management;

    [Theory]
    [InlineData("/health", "\"ok\"")]
    [InlineData("/live", "alive")]
    [InlineData("/ready", "ready")]
    [InlineData("/docs/", "<html")]
    [InlineData("/openapi.json", "\"openapi\"")]
    public async Task A_page_for_everybody_needs_no_credential(string path, string says)
    {
        var answer = await rig.SendAsync($"GET {path} HTTP/1.1\r\nHost: {rig.Authority}\r\n\r\n");

        Assert.Equal(200, answer?.Status);
        Assert.Contains(says, answer?.Body.Text, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task The_description_names_every_route()
    {
        var answer = await rig.SendAsync($"GET /openapi.json HTTP/1.1\r\nHost: {rig.Authority}\r\n\r\n");

        var paths = JsonDocument.Parse(answer!.Body.Text).RootElement.GetProperty("paths");
        Assert.All(
            (string[])["/manage/projects", "/manage/projects/{id}", "/manage/tokens", "/manage/tokens/{token}"],
            path => Assert.True(paths.TryGetProperty(path, out _), path));
    }

    [Theory]
    [InlineData("POST", "/manage/projects", "{", 400, "invalid_json", null)]
    [InlineData("POST", "/manage/projects", """{"name":"n","api_key":"sk-012345","x":1}""", 400, "unknown_member", "x")]
    [InlineData("POST", "/manage/projects", """{"name":"n"}""", 400, "missing_field", "api_key")]
    [InlineData("POST", "/manage/projects", """{"name":5,"api_key":"sk-012345"}""", 400, "invalid_field", "name")]
    [InlineData("POST", "/manage/projects", """{"name":"a\nb","api_key":"sk-012345"}""", 400, "invalid_field", "name")]
    [InlineData("POST", "/manage/projects", """{"name":"n","api_key":"a\r\nX"}""", 400, "invalid_field", "api_key")]
    [InlineData("POST", "/manage/tokens", """{"project_id":"x","duration_minutes":0}""", 400, "invalid_field", null)]
    [InlineData("GET", "/manage/projects/00000000-0000-7000-8000-000000000000", null, 404, null, null)]
    [InlineData("GET", "/manage/nothing", null, 404, null, null)]
    [InlineData("PUT", "/manage/projects", null, 405, null, null)]
    public async Task What_is_wrong_is_a_problem_that_names_it(
        string method, string path, string? body, int status, string? code, string? field)
    {
        var answer = await Management.SendAsync(method, path, body);

        Assert.Equal(status, answer.Status);
        Assert.Equal(status, answer.Json.GetProperty("status").GetInt32());
        Assert.Equal(code ?? answer.Json.GetProperty("code").GetString(), answer.Json.GetProperty("code").GetString());
        Assert.True(field is null || answer.Json.GetProperty("field").GetString() == field, answer.Text);
    }

    [Fact]
    public async Task A_name_is_given_once()
    {
        const string Body = """{"name":"the only one","openai_api_key":"sk-key-0123456789abcdef"}""";

        var first = await Management.SendAsync("POST", "/manage/projects", Body);
        var second = await Management.SendAsync("POST", "/manage/projects", Body);

        Assert.Equal(201, first.Status);
        Assert.Equal("cdef", first.Json.GetProperty("api_key_last_four").GetString());
        Assert.Equal(409, second.Status);
    }

    [Fact]
    public async Task A_list_is_read_page_by_page_to_its_end()
    {
        var project = await Management.CreateProjectAsync();
        for (var i = 0; i < 7; i++)
        {
            await Management.CreateTokenAsync(project);
        }

        var (ids, cursor) = (new HashSet<string>(StringComparer.Ordinal), string.Empty);
        do
        {
            var page = (await Management.SendAsync("GET", $"/manage/tokens?projectId={project}&limit=3{cursor}")).Json;
            Assert.All(
                page.GetProperty("data").EnumerateArray(),
                token => Assert.True(ids.Add(token.GetProperty("id").GetString()!)));
            cursor = page.GetProperty("next_cursor").GetString() is { } next ? $"&cursor={next}" : string.Empty;
        }
        while (cursor.Length > 0);

        Assert.Equal(7, ids.Count);
    }

    [Fact]
    public async Task Revoking_all_tokens_of_a_project_says_how_many()
    {
        var project = await Management.CreateProjectAsync();
        await Management.RevokeAsync(await Management.CreateTokenAsync(project));
        await Management.CreateTokenAsync(project);
        await Management.CreateTokenAsync(project);

        var answer = await Management.SendAsync("POST", $"/manage/projects/{project}/tokens/revoke");

        Assert.Equal(200, answer.Status);
        Assert.Equal(2, answer.Json.GetProperty("revoked_count").GetInt32());
        Assert.Equal(1, answer.Json.GetProperty("already_revoked_count").GetInt32());
    }

    [Fact]
    public async Task Whoever_guesses_is_soon_not_listened_to()
    {
        using var folder = new TempFolder();
        await using var proxy = await ProxyProcess.StartAsync(folder, new ProxySetup());
        using var guesser = new ManagementClient(proxy.Address, "a-guess-at-the-management-token");

        var statuses = new List<int>();
        for (var i = 0; i < 15; i++)
        {
            statuses.Add((await guesser.SendAsync("GET", "/manage/projects")).Status);
        }

        Assert.Equal(401, statuses[0]);
        Assert.Equal(429, statuses[^1]);
    }
}
