using System.Net;
using Xunit;

namespace LlmProxy.Tests.Management;

public sealed class ProjectsApiTests : IAsyncLifetime
{
    private const string Key = "sk-proj-secret-of-a-tenant-9876";

    private ManagementServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await ManagementServer.StartAsync();

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Creates_a_project_and_says_where_it_is()
    {
        var created = await AskAsync("POST", "/manage/projects", $$"""{"name":"research","api_key":"{{Key}}"}""");

        Assert.Equal(HttpStatusCode.Created, created.Status);
        Assert.Equal($"/manage/projects/{created.Json["id"]}", created.Headers.Location!.OriginalString);
        Assert.Equal("research", created.Json["name"]!.GetValue<string>());
        Assert.Equal("9876", created.Json["api_key_last_four"]!.GetValue<string>());
        Assert.True(created.Json["is_active"]!.GetValue<bool>());
        Assert.Null(created.Json["deactivated_at"]);
        Assert.Equal("2026-01-31T12:00:00Z", created.Json["created_at"]!.GetValue<string>());
    }

    [Fact]
    public async Task Takes_the_key_under_the_name_of_openai_too()
    {
        var created = await AskAsync("POST", "/manage/projects", $$"""{"name":"a","openai_api_key":"{{Key}}"}""");

        Assert.Equal("9876", created.Json["api_key_last_four"]!.GetValue<string>());
    }

    [Fact]
    public async Task Shows_what_was_created()
    {
        var id = await _server.GivenAProjectAsync("research");

        var shown = await AskAsync("GET", $"/manage/projects/{id}");
        var head = await AskAsync("HEAD", $"/manage/projects/{id}");

        Assert.Equal(id, shown.Json["id"]!.GetValue<string>());
        Assert.Equal((HttpStatusCode.OK, ""), (head.Status, head.Text));
    }

    [Fact]
    public async Task Never_shows_a_provider_key_again()
    {
        var id = await _server.GivenAProjectAsync("research", Key);

        Answer[] answers =
        [
            await AskAsync("POST", "/manage/projects", $$"""{"name":"other","api_key":"{{Key}}"}"""),
            await AskAsync("GET", "/manage/projects"),
            await AskAsync("GET", $"/manage/projects/{id}"),
            await AskAsync("PATCH", $"/manage/projects/{id}", $$"""{"api_key":"{{Key}}"}"""),
            await AskAsync("PATCH", $"/manage/projects/{id}", $$"""{"api_key":"{{Key}} "}"""),
            await AskAsync("POST", "/manage/projects", $$"""{"name":"research","api_key":"{{Key}}"}"""),
        ];

        Assert.All(answers, answer => Assert.DoesNotContain(Key[..^4], answer.Text, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("""{"name":"a"}""", "400 missing_field api_key")]
    [InlineData("""{"api_key":"sk-1234567890"}""", "400 missing_field name")]
    [InlineData("""{"name":null,"api_key":"sk-1234567890"}""", "400 invalid_field name")]
    [InlineData("""{"name":"","api_key":"sk-1234567890"}""", "400 invalid_field name")]
    [InlineData("""{"name":" a","api_key":"sk-1234567890"}""", "400 invalid_field name")]
    [InlineData("""{"name":7,"api_key":"sk-1234567890"}""", "400 invalid_field name")]
    [InlineData("""{"name":["a"],"api_key":"sk-1234567890"}""", "400 invalid_field name")]
    [InlineData("""{"name":"a\u0000b","api_key":"sk-1234567890"}""", "400 invalid_field name")]
    [InlineData("""{"name":"a\nb","api_key":"sk-1234567890"}""", "400 invalid_field name")]
    [InlineData("""{"name":"a\u0085b","api_key":"sk-1234567890"}""", "400 invalid_field name")]
    [InlineData("""{"name":"a\u2028b","api_key":"sk-1234567890"}""", "400 invalid_field name")]
    [InlineData("""{"name":"a","api_key":""}""", "400 invalid_field api_key")]
    [InlineData("""{"name":"a","api_key":null}""", "400 invalid_field api_key")]
    [InlineData("""{"name":"a","api_key":"sk-1234 567890"}""", "400 invalid_field api_key")]
    [InlineData("""{"name":"a","api_key":"sk-1234567890\r\nHost: evil"}""", "400 invalid_field api_key")]
    [InlineData("""{"name":"a","api_key":"sk-schlüssel-90"}""", "400 invalid_field api_key")]
    [InlineData("""{"name":"a","api_key":"sk-12345...7890"}""", "400 invalid_field api_key")]
    [InlineData("""{"name":"a","openai_api_key":"sk-1****7890"}""", "400 invalid_field openai_api_key")]
    [InlineData("""{"name":"a","api_key":"sk-1234567890","openai_api_key":"sk-1234567890"}""",
        "400 invalid_field openai_api_key")]
    [InlineData("""{"name":"a","api_key":"sk-1234567890","is_active":false}""", "400 unknown_member is_active")]
    [InlineData("""{"name":"a","api_key":"sk-1234567890","id":"x"}""", "400 unknown_member id")]
    [InlineData("""{"name":"a","api_key":"sk-1234567890","key":"x"}""", "400 unknown_member key")]
    [InlineData("""{"Name":"a","api_key":"sk-1234567890"}""", "400 unknown_member Name")]
    [InlineData("""{"name":"a","name":"b","api_key":"sk-1234567890"}""", "400 duplicate_member name")]
    public async Task Refuses_a_wrong_project_and_names_the_member(string json, string problem)
    {
        var refused = await AskAsync("POST", "/manage/projects", json);

        Assert.Equal(problem, refused.Problem);
    }

    [Fact]
    public async Task Refuses_names_and_keys_that_are_too_long_and_takes_the_longest()
    {
        var longest = await AskAsync("POST", "/manage/projects",
            $$"""{"name":"{{new string('n', 100)}}","api_key":"{{new string('k', 512)}}"}""");
        var name = await AskAsync("POST", "/manage/projects",
            $$"""{"name":"{{new string('n', 101)}}","api_key":"{{Key}}"}""");
        var key = await AskAsync("POST", "/manage/projects",
            $$"""{"name":"a","api_key":"{{new string('k', 513)}}"}""");

        Assert.Equal(HttpStatusCode.Created, longest.Status);
        Assert.Equal("400 invalid_field name", name.Problem);
        Assert.Equal("400 invalid_field api_key", key.Problem);
    }

    [Fact]
    public async Task Refuses_a_name_that_another_project_has()
    {
        var id = await _server.GivenAProjectAsync("mine");
        await _server.GivenAProjectAsync("taken");

        var created = await AskAsync("POST", "/manage/projects", $$"""{"name":"taken","api_key":"{{Key}}"}""");
        var renamed = await AskAsync("PATCH", $"/manage/projects/{id}", """{"name":"taken"}""");
        var kept = await AskAsync("PATCH", $"/manage/projects/{id}", """{"name":"mine"}""");

        Assert.Equal("409 duplicate_name name", created.Problem);
        Assert.Equal("409 duplicate_name name", renamed.Problem);
        Assert.Equal(HttpStatusCode.OK, kept.Status);
    }

    [Fact]
    public async Task Changes_what_is_given_and_leaves_the_rest()
    {
        var id = await _server.GivenAProjectAsync("before", Key);
        _server.Clock.Advance(TimeSpan.FromMinutes(1));

        var renamed = await AskAsync("PATCH", $"/manage/projects/{id}", """{"name":"after"}""");
        var rekeyed = await AskAsync("PATCH", $"/manage/projects/{id}", """{"openai_api_key":"sk-new-key-00004321"}""");

        Assert.Equal("after 9876", $"{renamed.Json["name"]} {renamed.Json["api_key_last_four"]}");
        Assert.Equal("2026-01-31T12:01:00Z", renamed.Json["updated_at"]!.GetValue<string>());
        Assert.Equal("after 4321", $"{rekeyed.Json["name"]} {rekeyed.Json["api_key_last_four"]}");
    }

    [Fact]
    public async Task Remembers_since_when_a_project_is_switched_off()
    {
        var id = await _server.GivenAProjectAsync("a");

        var off = await AskAsync("PATCH", $"/manage/projects/{id}", """{"is_active":false}""");
        _server.Clock.Advance(TimeSpan.FromMinutes(1));
        var still = await AskAsync("PATCH", $"/manage/projects/{id}", """{"is_active":false}""");
        var on = await AskAsync("PATCH", $"/manage/projects/{id}", """{"is_active":true}""");

        Assert.Equal("false 2026-01-31T12:00:00Z", $"{off.Json["is_active"]} {off.Json["deactivated_at"]}");
        Assert.Equal("2026-01-31T12:00:00Z", still.Json["deactivated_at"]!.GetValue<string>());
        Assert.Equal("true ", $"{on.Json["is_active"]} {on.Json["deactivated_at"]}");
    }

    [Theory]
    [InlineData("""{}""", "400 missing_field")]
    [InlineData("""{"name":null}""", "400 invalid_field name")]
    [InlineData("""{"name":""}""", "400 invalid_field name")]
    [InlineData("""{"api_key":""}""", "400 invalid_field api_key")]
    [InlineData("""{"is_active":null}""", "400 invalid_field is_active")]
    [InlineData("""{"is_active":"false"}""", "400 invalid_field is_active")]
    [InlineData("""{"is_active":0}""", "400 invalid_field is_active")]
    [InlineData("""{"revoke_tokens":true}""", "400 invalid_field revoke_tokens")]
    [InlineData("""{"revoke_tokens":true,"is_active":true}""", "400 invalid_field revoke_tokens")]
    [InlineData("""{"created_at":"2020-01-01T00:00:00Z"}""", "400 unknown_member created_at")]
    public async Task Refuses_a_wrong_change_and_names_the_member(string json, string problem)
    {
        var id = await _server.GivenAProjectAsync("a");

        var refused = await AskAsync("PATCH", $"/manage/projects/{id}", json);

        Assert.Equal(problem, refused.Problem);
    }

    [Fact]
    public async Task Revokes_the_tokens_with_the_project_when_asked_to_also_when_it_is_off_already()
    {
        var id = await _server.GivenAProjectAsync("a");
        var secret = (await _server.GivenATokenAsync(id))["token"]!.GetValue<string>();
        await AskAsync("PATCH", $"/manage/projects/{id}", """{"is_active":false}""");

        await AskAsync("PATCH", $"/manage/projects/{id}", """{"is_active":false,"revoke_tokens":true}""");
        await AskAsync("PATCH", $"/manage/projects/{id}", """{"is_active":true}""");

        Assert.False(await _server.AdmitsAsync(secret));
    }

    [Fact]
    public async Task Lets_the_tokens_work_again_when_the_project_is_switched_on_again()
    {
        var id = await _server.GivenAProjectAsync("a");
        var secret = (await _server.GivenATokenAsync(id))["token"]!.GetValue<string>();

        await AskAsync("PATCH", $"/manage/projects/{id}", """{"is_active":false}""");
        var whileOff = await _server.AdmitsAsync(secret);
        await AskAsync("PATCH", $"/manage/projects/{id}", """{"is_active":true}""");

        Assert.False(whileOff);
        Assert.True(await _server.AdmitsAsync(secret));
    }

    [Fact]
    public async Task Deletes_a_project_with_its_tokens_and_no_other()
    {
        var gone = await _server.GivenAProjectAsync("gone");
        var stays = await _server.GivenAProjectAsync("stays");
        var goneToken = await _server.GivenATokenAsync(gone);
        var stayingToken = await _server.GivenATokenAsync(stays);
        await _server.AdmitsAsync(goneToken["token"]!.GetValue<string>());

        var deleted = await AskAsync("DELETE", $"/manage/projects/{gone}");
        var again = await AskAsync("DELETE", $"/manage/projects/{gone}");
        var token = await AskAsync("GET", $"/manage/tokens/{goneToken["id"]}");

        Assert.Equal((HttpStatusCode.NoContent, ""), (deleted.Status, deleted.Text));
        Assert.Equal("404 not_found", again.Problem);
        Assert.Equal("404 not_found", token.Problem);
        Assert.False(await _server.AdmitsAsync(goneToken["token"]!.GetValue<string>()));
        Assert.True(await _server.AdmitsAsync(stayingToken["token"]!.GetValue<string>()));
    }

    [Theory]
    [InlineData("GET", null)]
    [InlineData("PATCH", """{"name":"a"}""")]
    [InlineData("DELETE", null)]
    public async Task Does_not_find_what_is_not_there(string method, string? json)
    {
        var unknown = await AskAsync(method, "/manage/projects/0199c0de-7a1b-7c3d-8e4f-5a6b7c8d9e0f", json);
        var malformed = await AskAsync(method, "/manage/projects/%27%20OR%201%3D1", json);

        Assert.Equal("404 not_found", unknown.Problem);
        Assert.Equal("404 not_found", malformed.Problem);
    }

    [Fact]
    public async Task Lists_by_name_and_never_repeats_or_skips_a_row_while_others_are_created()
    {
        foreach (var name in (string[])["b", "d", "f", "h"])
        {
            await _server.GivenAProjectAsync(name);
        }

        var first = await AskAsync("GET", "/manage/projects?limit=2");
        await _server.GivenAProjectAsync("a");
        await _server.GivenAProjectAsync("e");
        var second = await AskAsync("GET", $"/manage/projects?limit=2&cursor={first.Json["next_cursor"]}");
        var third = await AskAsync("GET", $"/manage/projects?limit=2&cursor={second.Json["next_cursor"]}");

        Assert.Equal("b d e f h", string.Join(' ', Names(first).Concat(Names(second)).Concat(Names(third))));
        Assert.Null(third.Json["next_cursor"]);
    }

    [Fact]
    public async Task Ends_a_list_that_fills_its_last_page_exactly()
    {
        await _server.GivenAProjectAsync("a");
        await _server.GivenAProjectAsync("b");

        var only = await AskAsync("GET", "/manage/projects?limit=2");

        Assert.Equal(["a", "b"], Names(only), StringComparer.Ordinal);
        Assert.Null(only.Json["next_cursor"]);
    }

    [Fact]
    public async Task Lists_nothing_as_an_empty_array()
    {
        var empty = await AskAsync("GET", "/manage/projects");

        Assert.Equal("""{"data":[],"next_cursor":null}""", empty.Text);
    }

    [Theory]
    [InlineData("limit=0", "400 invalid_field limit")]
    [InlineData("limit=101", "400 invalid_field limit")]
    [InlineData("limit=%2B5", "400 invalid_field limit")]
    [InlineData("limit=", "400 invalid_field limit")]
    [InlineData("limit=5&limit=6", "400 invalid_field limit")]
    [InlineData("Limit=5", "400 unknown_parameter Limit")]
    [InlineData("page=2", "400 unknown_parameter page")]
    [InlineData("cursor=", "400 invalid_cursor cursor")]
    [InlineData("cursor=AAAAAAAAAAAAAAAAAAAAAAAA", "400 invalid_cursor cursor")]
    public async Task Refuses_a_wrong_query_and_names_the_parameter(string query, string problem)
    {
        var refused = await AskAsync("GET", $"/manage/projects?{query}");

        Assert.Equal(problem, refused.Problem);
    }

    private static IEnumerable<string> Names(Answer page) =>
        page.Json["data"]!.AsArray().Select(project => project!["name"]!.GetValue<string>());

    private Task<Answer> AskAsync(string method, string path, string? json = null) =>
        _server.Client.AskAsync(method, path, json);
}
