using System.Net;
using Xunit;

namespace LlmProxy.Tests.Management;

public sealed class TokensApiTests : IAsyncLifetime
{
    private const string Nobody = "0199c0de-7a1b-7c3d-8e4f-5a6b7c8d9e0f";

    private ManagementServer _server = null!;
    private string _project = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await ManagementServer.StartAsync();
        _project = await _server.GivenAProjectAsync("research");
    }

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Issues_a_token_that_is_admitted_and_shows_its_secret_once()
    {
        var issued = await AskAsync("POST", "/manage/tokens",
            $$"""{"project_id":"{{_project}}","duration_minutes":90,"max_requests":5}""");
        var secret = issued.Json["token"]!.GetValue<string>();
        var shown = await AskAsync("GET", $"/manage/tokens/{issued.Json["id"]}");

        Assert.Equal(HttpStatusCode.Created, issued.Status);
        Assert.Equal($"/manage/tokens/{issued.Json["id"]}", issued.Headers.Location!.OriginalString);
        Assert.StartsWith("llmp_", secret, StringComparison.Ordinal);
        Assert.Equal("2026-01-31T13:30:00Z", issued.Json["expires_at"]!.GetValue<string>());
        Assert.True(await _server.AdmitsAsync(secret));
        Assert.Equal($"{_project} true 5 0", string.Join(' ', shown.Json["project_id"], shown.Json["is_active"],
            shown.Json["max_requests"], shown.Json["request_count"]));
        Assert.DoesNotContain(secret, shown.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Issues_a_token_until_an_instant()
    {
        var issued = await AskAsync("POST", "/manage/tokens",
            $$"""{"project_id":"{{_project}}","expires_at":"2026-03-01T01:00:00+01:00"}""");

        Assert.Equal("2026-03-01T00:00:00Z", issued.Json["expires_at"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("")]
    [InlineData(",\"max_requests\":null")]
    [InlineData(",\"max_requests\":0")]
    public async Task Issues_a_token_without_a_limit_when_none_is_given(string more)
    {
        var issued = await _server.GivenATokenAsync(_project, more);

        Assert.Null(issued["max_requests"]);
        Assert.True(issued.ContainsKey("max_requests"));
    }

    [Fact]
    public async Task Bars_a_token_from_the_cache_and_lets_it_in_again()
    {
        var usual = await _server.GivenATokenAsync(_project);
        var barred = await _server.GivenATokenAsync(_project, ",\"use_cache\":false");
        var path = $"/manage/tokens/{barred["id"]}";

        var shown = await AskAsync("GET", path);
        var kept = await AskAsync("PATCH", path, """{"max_requests":5}""");
        var changed = await AskAsync("PATCH", path, """{"use_cache":true}""");

        Assert.Equal("true false", $"{usual["use_cache"]} {barred["use_cache"]}");
        Assert.Equal("false 0", $"{shown.Json["use_cache"]} {shown.Json["cache_hit_count"]}");
        Assert.Equal("false true", $"{kept.Json["use_cache"]} {changed.Json["use_cache"]}");
    }

    [Theory]
    [InlineData("""{"duration_minutes":60}""", "400 missing_field project_id")]
    [InlineData("""{"project_id":"ID","duration_minutes":60,"use_cache":null}""", "400 invalid_field use_cache")]
    [InlineData("""{"project_id":"ID","duration_minutes":60,"use_cache":1}""", "400 invalid_field use_cache")]
    [InlineData("""{"project_id":"ID"}""", "400 missing_field duration_minutes")]
    [InlineData("""{"project_id":"not-a-uuid","duration_minutes":60}""", "400 invalid_field project_id")]
    [InlineData("""{"project_id":"{ID}","duration_minutes":60}""", "400 invalid_field project_id")]
    [InlineData("""{"project_id":7,"duration_minutes":60}""", "400 invalid_field project_id")]
    [InlineData("""{"project_id":null,"duration_minutes":60}""", "400 invalid_field project_id")]
    [InlineData("""{"project_id":"ID","duration_minutes":0}""", "400 invalid_field duration_minutes")]
    [InlineData("""{"project_id":"ID","duration_minutes":-1}""", "400 invalid_field duration_minutes")]
    [InlineData("""{"project_id":"ID","duration_minutes":525601}""", "400 invalid_field duration_minutes")]
    [InlineData("""{"project_id":"ID","duration_minutes":99999999999999999999}""",
        "400 invalid_field duration_minutes")]
    [InlineData("""{"project_id":"ID","duration_minutes":1.5}""", "400 invalid_field duration_minutes")]
    [InlineData("""{"project_id":"ID","duration_minutes":"60"}""", "400 invalid_field duration_minutes")]
    [InlineData("""{"project_id":"ID","duration_minutes":null}""", "400 invalid_field duration_minutes")]
    [InlineData("""{"project_id":"ID","duration_minutes":{}}""", "400 invalid_field duration_minutes")]
    [InlineData("""{"project_id":"ID","duration_minutes":60,"max_requests":-1}""", "400 invalid_field max_requests")]
    [InlineData("""{"project_id":"ID","duration_minutes":60,"max_requests":1000000000001}""",
        "400 invalid_field max_requests")]
    [InlineData("""{"project_id":"ID","duration_minutes":60,"max_requests":true}""", "400 invalid_field max_requests")]
    [InlineData("""{"project_id":"ID","duration_minutes":60,"max_request":5}""", "400 unknown_member max_request")]
    [InlineData("""{"project_id":"ID","duration_minutes":60,"duration_minutes":61}""",
        "400 duplicate_member duration_minutes")]
    [InlineData("""{"project_id":"ID","duration_minutes":60,"expires_at":"2026-03-01T00:00:00Z"}""",
        "400 invalid_field duration_minutes")]
    [InlineData("""{"project_id":"ID","expires_at":null}""", "400 invalid_field expires_at")]
    [InlineData("""{"project_id":"ID","expires_at":"2026-01-31T12:00:00Z"}""", "400 invalid_field expires_at")]
    [InlineData("""{"project_id":"ID","expires_at":"2027-02-01T12:00:00Z"}""", "400 invalid_field expires_at")]
    [InlineData("""{"project_id":"ID","expires_at":1800000000}""", "400 invalid_field expires_at")]
    [InlineData("""{"project_id":"NOBODY","duration_minutes":60}""", "404 not_found")]
    public async Task Refuses_a_wrong_token_and_names_the_member(string json, string problem)
    {
        var body = json.Replace("NOBODY", Nobody, StringComparison.Ordinal)
            .Replace("\"ID\"", $"\"{_project}\"", StringComparison.Ordinal)
            .Replace("{ID}", $"{{{_project}}}", StringComparison.Ordinal);

        var refused = await AskAsync("POST", "/manage/tokens", body);

        Assert.Equal(problem, refused.Problem);
    }

    [Fact]
    public async Task Issues_no_token_for_a_project_that_is_switched_off()
    {
        await AskAsync("PATCH", $"/manage/projects/{_project}", """{"is_active":false}""");

        var refused = await AskAsync(
            "POST", "/manage/tokens", $$"""{"project_id":"{{_project}}","duration_minutes":60}""");

        Assert.Equal("403 project_inactive project_id", refused.Problem);
    }

    [Fact]
    public async Task Takes_the_secret_in_place_of_the_id_and_never_echoes_it()
    {
        var secret = (await _server.GivenATokenAsync(_project))["token"]!.GetValue<string>();

        Answer[] answers =
        [
            await AskAsync("GET", $"/manage/tokens/{secret}"),
            await AskAsync("PATCH", $"/manage/tokens/{secret}", """{"max_requests":7}"""),
            await AskAsync("PATCH", $"/manage/tokens/{secret}", """{"max_requests":-7}"""),
            await AskAsync("PUT", $"/manage/tokens/{secret}"),
            await AskAsync("DELETE", $"/manage/tokens/{secret}"),
            await AskAsync("GET", $"/manage/tokens/{secret}x"),
            await AskAsync("GET", "/manage/tokens"),
        ];

        Assert.Equal(["200", "200", "400", "405", "204", "404", "200"],
            answers.Select(answer => ((int)answer.Status).ToString(null, null)), StringComparer.Ordinal);
        Assert.False(await _server.AdmitsAsync(secret));
        Assert.All(answers, answer =>
        {
            Assert.DoesNotContain(secret, answer.Text, StringComparison.Ordinal);
            Assert.DoesNotContain(secret, answer.Headers.ToString(), StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task Never_logs_a_secret()
    {
        var secret = (await _server.GivenATokenAsync(_project))["token"]!.GetValue<string>();

        await AskAsync("GET", $"/manage/tokens/{secret}");
        await AskAsync("PATCH", $"/manage/tokens/{secret}", $$"""{"{{secret}}":7}""");
        await AskAsync("DELETE", $"/manage/tokens/{secret}");

        Assert.DoesNotContain(_server.Log, line => line.Contains(secret, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Changes_what_is_given_and_leaves_the_rest()
    {
        var id = (await _server.GivenATokenAsync(_project, ",\"max_requests\":5"))["id"];

        var raised = await AskAsync("PATCH", $"/manage/tokens/{id}", """{"max_requests":9}""");
        var longer = await AskAsync("PATCH", $"/manage/tokens/{id}", """{"duration_minutes":120}""");
        var dated = await AskAsync("PATCH", $"/manage/tokens/{id}", """{"expires_at":"2026-03-01T01:00:00+01:00"}""");
        var unlimited = await AskAsync("PATCH", $"/manage/tokens/{id}", """{"max_requests":null}""");

        Assert.Equal("9 2026-01-31T13:00:00Z", $"{raised.Json["max_requests"]} {raised.Json["expires_at"]}");
        Assert.Equal("9 2026-01-31T14:00:00Z", $"{longer.Json["max_requests"]} {longer.Json["expires_at"]}");
        Assert.Equal("9 2026-03-01T00:00:00Z", $"{dated.Json["max_requests"]} {dated.Json["expires_at"]}");
        Assert.Equal(" 2026-03-01T00:00:00Z", $"{unlimited.Json["max_requests"]} {unlimited.Json["expires_at"]}");
    }

    [Fact]
    public async Task Does_not_touch_the_limit_when_a_token_is_taken_back_into_use()
    {
        var issued = await _server.GivenATokenAsync(_project, ",\"max_requests\":5");
        await AskAsync("DELETE", $"/manage/tokens/{issued["id"]}");

        var active = await AskAsync("PATCH", $"/manage/tokens/{issued["id"]}", """{"is_active":true}""");

        Assert.Equal("true 5", $"{active.Json["is_active"]} {active.Json["max_requests"]}");
        Assert.True(await _server.AdmitsAsync(issued["token"]!.GetValue<string>()));
    }

    [Theory]
    [InlineData("""{}""", "400 missing_field")]
    [InlineData("""{"is_active":null}""", "400 invalid_field is_active")]
    [InlineData("""{"use_cache":null}""", "400 invalid_field use_cache")]
    [InlineData("""{"use_cache":"false"}""", "400 invalid_field use_cache")]
    [InlineData("""{"cache_hit_count":0}""", "400 unknown_member cache_hit_count")]
    [InlineData("""{"max_requests":-1}""", "400 invalid_field max_requests")]
    [InlineData("""{"max_requests":"5"}""", "400 invalid_field max_requests")]
    [InlineData("""{"duration_minutes":0}""", "400 invalid_field duration_minutes")]
    [InlineData("""{"duration_minutes":525601}""", "400 invalid_field duration_minutes")]
    [InlineData("""{"duration_minutes":60,"expires_at":"2026-03-01T00:00:00Z"}""",
        "400 invalid_field duration_minutes")]
    [InlineData("""{"expires_at":null}""", "400 invalid_field expires_at")]
    [InlineData("""{"expires_at":""}""", "400 invalid_field expires_at")]
    [InlineData("""{"expires_at":"tomorrow"}""", "400 invalid_field expires_at")]
    [InlineData("""{"expires_at":"2026-03-01"}""", "400 invalid_field expires_at")]
    [InlineData("""{"expires_at":"2026-03-01T00:00:00"}""", "400 invalid_field expires_at")]
    [InlineData("""{"expires_at":"2026-02-30T00:00:00Z"}""", "400 invalid_field expires_at")]
    [InlineData("""{"expires_at":"2026-01-31T12:00:00Z"}""", "400 invalid_field expires_at")]
    [InlineData("""{"expires_at":"2027-02-01T12:00:00Z"}""", "400 invalid_field expires_at")]
    [InlineData("""{"request_count":0}""", "400 unknown_member request_count")]
    [InlineData("""{"project_id":"0199c0de-7a1b-7c3d-8e4f-5a6b7c8d9e0f"}""", "400 unknown_member project_id")]
    public async Task Refuses_a_wrong_change_and_names_the_member(string json, string problem)
    {
        var id = (await _server.GivenATokenAsync(_project))["id"];

        var refused = await AskAsync("PATCH", $"/manage/tokens/{id}", json);

        Assert.Equal(problem, refused.Problem);
    }

    [Fact]
    public async Task Revokes_a_token_at_once_and_as_often_as_asked()
    {
        var issued = await _server.GivenATokenAsync(_project);
        await _server.AdmitsAsync(issued["token"]!.GetValue<string>());

        var revoked = await AskAsync("DELETE", $"/manage/tokens/{issued["id"]}");
        var admitted = await _server.AdmitsAsync(issued["token"]!.GetValue<string>());
        var again = await AskAsync("DELETE", $"/manage/tokens/{issued["id"]}");
        var shown = await AskAsync("GET", $"/manage/tokens/{issued["id"]}");

        Assert.Equal((HttpStatusCode.NoContent, ""), (revoked.Status, revoked.Text));
        Assert.False(admitted);
        Assert.Equal(HttpStatusCode.NoContent, again.Status);
        Assert.Equal("false 2026-01-31T12:00:00Z", $"{shown.Json["is_active"]} {shown.Json["revoked_at"]}");
    }

    [Fact]
    public async Task Revokes_all_tokens_of_one_project_and_of_no_other()
    {
        var others = await _server.GivenATokenAsync(await _server.GivenAProjectAsync("other"));
        var first = await _server.GivenATokenAsync(_project);
        var second = await _server.GivenATokenAsync(_project);
        await AskAsync("DELETE", $"/manage/tokens/{first["id"]}");

        var revoked = await AskAsync("POST", $"/manage/projects/{_project}/tokens/revoke");
        var again = await AskAsync("POST", $"/manage/projects/{_project}/tokens/revoke");

        Assert.Equal("""{"revoked_count":1,"already_revoked_count":1,"total_tokens":2}""", revoked.Text);
        Assert.Equal("""{"revoked_count":0,"already_revoked_count":2,"total_tokens":2}""", again.Text);
        Assert.False(await _server.AdmitsAsync(second["token"]!.GetValue<string>()));
        Assert.True(await _server.AdmitsAsync(others["token"]!.GetValue<string>()));
    }

    [Theory]
    [InlineData("GET", "/manage/tokens/ID", null)]
    [InlineData("PATCH", "/manage/tokens/ID", """{"is_active":false}""")]
    [InlineData("DELETE", "/manage/tokens/ID", null)]
    [InlineData("POST", "/manage/projects/ID/tokens/revoke", null)]
    public async Task Does_not_find_what_is_not_there(string method, string path, string? json)
    {
        var unknown = await AskAsync(method, path.Replace("ID", Nobody, StringComparison.Ordinal), json);
        var malformed = await AskAsync(method, path.Replace("ID", "llmp_x", StringComparison.Ordinal), json);

        Assert.Equal("404 not_found", unknown.Problem);
        Assert.Equal("404 not_found", malformed.Problem);
    }

    [Fact]
    public async Task Lists_newest_first_and_never_repeats_or_skips_a_row_while_others_are_issued()
    {
        var issued = new List<string>();
        for (var i = 0; i < 5; i++)
        {
            issued.Add((await _server.GivenATokenAsync(_project))["id"]!.GetValue<string>());
            _server.Clock.Advance(TimeSpan.FromSeconds(1));
        }

        var first = await AskAsync("GET", "/manage/tokens?limit=2");
        await _server.GivenATokenAsync(_project);
        var second = await AskAsync("GET", $"/manage/tokens?limit=2&cursor={first.Json["next_cursor"]}");
        var third = await AskAsync("GET", $"/manage/tokens?limit=2&cursor={second.Json["next_cursor"]}");

        issued.Reverse();
        Assert.Equal(issued, Ids(first).Concat(Ids(second)).Concat(Ids(third)), StringComparer.Ordinal);
        Assert.Null(third.Json["next_cursor"]);
    }

    [Fact]
    public async Task Lists_only_what_the_filters_say()
    {
        var other = await _server.GivenAProjectAsync("other");
        var foreign = (await _server.GivenATokenAsync(other))["id"]!.GetValue<string>();
        var revoked = (await _server.GivenATokenAsync(_project))["id"]!.GetValue<string>();
        var brief = (await _server.GivenATokenAsync(_project))["id"]!.GetValue<string>();
        var live = (await _server.GivenATokenAsync(_project))["id"]!.GetValue<string>();
        await AskAsync("DELETE", $"/manage/tokens/{revoked}");
        await AskAsync("PATCH", $"/manage/tokens/{brief}", """{"duration_minutes":1}""");
        _server.Clock.Advance(TimeSpan.FromMinutes(1));

        var mine = await AskAsync("GET", $"/manage/tokens?projectId={_project}");
        var active = await AskAsync("GET", $"/manage/tokens?projectId={_project}&activeOnly=true");
        var everybodys = await AskAsync("GET", "/manage/tokens?activeOnly=true");

        Assert.Equal(Sorted(revoked, brief, live), Sorted([.. Ids(mine)]), StringComparer.Ordinal);
        Assert.Equal([live], Ids(active), StringComparer.Ordinal);
        Assert.Equal(Sorted(foreign, live), Sorted([.. Ids(everybodys)]), StringComparer.Ordinal);
    }

    [Fact]
    public async Task Does_not_carry_a_cursor_over_to_other_filters()
    {
        var other = await _server.GivenAProjectAsync("other");
        await _server.GivenATokenAsync(_project);
        await _server.GivenATokenAsync(_project);
        var cursor = (await AskAsync("GET", $"/manage/tokens?limit=1&projectId={_project}")).Json["next_cursor"];

        var foreign = await AskAsync("GET", $"/manage/tokens?limit=1&projectId={other}&cursor={cursor}");
        var unfiltered = await AskAsync("GET", $"/manage/tokens?limit=1&cursor={cursor}");
        var projects = await AskAsync("GET", $"/manage/projects?cursor={cursor}");

        Assert.All([foreign, unfiltered, projects], answer =>
            Assert.Equal("400 invalid_cursor cursor", answer.Problem));
    }

    [Theory]
    [InlineData("projectId=7", "400 invalid_field projectId")]
    [InlineData("projectId=", "400 invalid_field projectId")]
    [InlineData("project_id=0199c0de-7a1b-7c3d-8e4f-5a6b7c8d9e0f", "400 unknown_parameter project_id")]
    [InlineData("activeOnly=yes", "400 invalid_field activeOnly")]
    [InlineData("activeOnly=true&activeOnly=false", "400 invalid_field activeOnly")]
    [InlineData("active_only=true", "400 unknown_parameter active_only")]
    public async Task Refuses_a_wrong_filter_and_names_it(string query, string problem)
    {
        var refused = await AskAsync("GET", $"/manage/tokens?{query}");

        Assert.Equal(problem, refused.Problem);
    }

    private static string[] Sorted(params string[] ids) => [.. ids.Order(StringComparer.Ordinal)];

    private static IEnumerable<string> Ids(Answer page) =>
        page.Json["data"]!.AsArray().Select(token => token!["id"]!.GetValue<string>());

    private Task<Answer> AskAsync(string method, string path, string? json = null) =>
        _server.Client.AskAsync(method, path, json);
}
