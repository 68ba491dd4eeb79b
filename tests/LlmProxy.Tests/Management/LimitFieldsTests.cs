using System.Net;
using System.Text.Json.Nodes;
using LlmProxy.Limits;
using LlmProxy.Tokens;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LlmProxy.Tests.Management;

/// <summary>The limits, which tokens and projects have alike, over HTTP.</summary>
public sealed class LimitFieldsTests : IAsyncLifetime
{
    private const string AllLimits = """
        "max_requests":1000,"requests_per_minute":60,"max_concurrent":5,"max_tokens":1000000,
        "tokens_per_minute":20000,"max_cost_usd":"10.50","allowed_models":["gpt-5","gpt-5-*"],
        "allowed_endpoints":["/v1/chat/completions","/v1/models/*"],"allowed_origins":["https://app.example.com"]
        """;

    private const string AllShown =
        "\"max_requests\":1000,\"requests_per_minute\":60,\"max_concurrent\":5,\"max_tokens\":1000000,"
        + "\"tokens_per_minute\":20000,\"max_cost_usd\":\"10.500000\",\"allowed_models\":[\"gpt-5\",\"gpt-5-*\"],"
        + "\"allowed_endpoints\":[\"/v1/chat/completions\",\"/v1/models/*\"],"
        + "\"allowed_origins\":[\"https://app.example.com\"]";

    private const string NoneShown =
        "\"max_requests\":null,\"requests_per_minute\":null,\"max_concurrent\":null,\"max_tokens\":null,"
        + "\"tokens_per_minute\":null,\"max_cost_usd\":null,\"allowed_models\":null,\"allowed_endpoints\":null,"
        + "\"allowed_origins\":null";

    private const string NothingUsed = "\"request_count\":0,\"token_count\":0,\"cost_usd\":\"0.000000\"";

    private static readonly string[] Names =
    [
        "max_requests", "requests_per_minute", "max_concurrent", "max_tokens", "tokens_per_minute", "max_cost_usd",
        "allowed_models", "allowed_endpoints", "allowed_origins",
    ];

    private ManagementServer _server = null!;

    /// <summary>A member with a value that it cannot have.</summary>
    public static TheoryData<string, string> BadValues
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var (name, tooMuch) in (ReadOnlySpan<(string, string)>)
            [
                ("max_requests", "1000000000001"), ("requests_per_minute", "1000000001"), ("max_concurrent", "1000001"),
                ("max_tokens", "1000000000001"), ("tokens_per_minute", "1000000001"),
            ])
            {
                foreach (var value in (string[])
                    ["-1", "1.5", "1e-1", "99999999999999999999", "\"5\"", "true", "[5]", "{}", tooMuch])
                {
                    data.Add(name, value);
                }
            }

            foreach (var value in (string[])
            [
                "10.5", "0", "-1", "\"\"", "\"1e3\"", "\"+1\"", "\"-1\"", "\" 1\"", "\".5\"", "\"1.\"",
                "\"\u0661\"", "\"0.0000001\"", "\"1000000000.01\"", "\"1\\u0000\"", "true", "[\"1\"]", "{}",
            ])
            {
                data.Add("max_cost_usd", value);
            }

            foreach (var (name, good, bad) in (ReadOnlySpan<(string, string, string)>)
            [
                ("allowed_models", "gpt-5", "gpt-["), ("allowed_endpoints", "/v1/models", "v1/models"),
                ("allowed_origins", "https://a.example", "https://a.example/"),
            ])
            {
                foreach (var value in (string[])
                [
                    "[]", "[\"\"]", $"\"{good}\"", "5", "true", "{}", "[5]", "[null]", "[[]]", "[{}]",
                    $"[[\"{good}\"]]",
                    $"[\"{good}\",\"{good}\"]", $"[\"{good}\",\"{bad}\"]", $"[\"{good}\\n\"]", $"[\"{good}\\u2028\"]",
                    $"[\"{good}{new string('a', 257)}\"]",
                    $"[{string.Join(',', Enumerable.Range(0, 101).Select(i => $"\"{good}{i}\""))}]",
                ])
                {
                    data.Add(name, value);
                }
            }

            return data;
        }
    }

    public async ValueTask InitializeAsync() => _server = await ManagementServer.StartAsync();

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    [Theory]
    [InlineData("tokens")]
    [InlineData("projects")]
    public async Task Are_set_shown_and_listed(string what)
    {
        var made = await MakeAsync(what, $",{AllLimits}");
        var shown = await AskAsync("GET", $"/manage/{what}/{made.Json["id"]}");
        var listed = await AskAsync("GET", $"/manage/{what}");

        Assert.Equal(HttpStatusCode.Created, made.Status);
        Assert.Contains(AllShown, made.Text, StringComparison.Ordinal);
        Assert.Contains(AllShown, shown.Text, StringComparison.Ordinal);
        Assert.Contains(NothingUsed, shown.Text, StringComparison.Ordinal);
        Assert.Contains(AllShown, listed.Text, StringComparison.Ordinal);
        Assert.True(shown.Json.ContainsKey("last_used_at"));
    }

    [Theory]
    [InlineData("tokens")]
    [InlineData("projects")]
    public async Task Are_none_where_none_are_given(string what)
    {
        var bare = await MakeAsync(what, string.Empty);

        Assert.Contains(NoneShown, bare.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tokens", "null", "null", "null")]
    [InlineData("projects", "null", "null", "null")]
    [InlineData("tokens", "0", "\"0\"", "null")]
    [InlineData("projects", "0", "\"0.000\"", "null")]
    public async Task Are_taken_away_by_a_change_to_nothing(string what, string number, string money, string list)
    {
        var id = (await MakeAsync(what, $",{AllLimits}")).Json["id"];

        var changed = await AskAsync("PATCH", $"/manage/{what}/{id}", $$"""
            {"max_requests":{{number}},"requests_per_minute":{{number}},"max_concurrent":{{number}},
             "max_tokens":{{number}},"tokens_per_minute":{{number}},"max_cost_usd":{{money}},
             "allowed_models":{{list}},"allowed_endpoints":{{list}},"allowed_origins":{{list}}}
            """);

        Assert.Contains(NoneShown, changed.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tokens")]
    [InlineData("projects")]
    public async Task Stay_as_they_are_when_a_change_does_not_name_them(string what)
    {
        var id = (await MakeAsync(what, $",{AllLimits}")).Json["id"];
        foreach (var name in Names)
        {
            var before = (await AskAsync("GET", $"/manage/{what}/{id}")).Json;

            var after = (await AskAsync("PATCH", $"/manage/{what}/{id}", $$"""{"{{name}}":null}""")).Json;

            var differing = Names.Where(other => !JsonNode.DeepEquals(before[other], after[other]));
            Assert.Equal(name, Assert.Single(differing));
            Assert.Null(after[name]);
        }
    }

    [Theory]
    [InlineData("max_requests", "1000000000000")]
    [InlineData("requests_per_minute", "1000000000")]
    [InlineData("max_concurrent", "1000000")]
    [InlineData("max_tokens", "1000000000000")]
    [InlineData("tokens_per_minute", "1000000000")]
    [InlineData("max_cost_usd", "\"1000000000.000000\"")]
    [InlineData("max_cost_usd", "\"0.000001\"")]
    public async Task Take_the_largest_and_the_smallest_value(string name, string value)
    {
        var made = await MakeAsync("tokens", $",\"{name}\":{value}");

        Assert.Equal(value, made.Json[name]!.ToJsonString());
    }

    [Theory]
    [MemberData(nameof(BadValues))]
    public async Task Refuse_what_is_no_limit_and_name_the_member(string name, string value)
    {
        var token = (await MakeAsync("tokens", string.Empty)).Json;
        var before = (await AskAsync("GET", $"/manage/tokens/{token["id"]}")).Text;

        Answer[] refused =
        [
            await AskAsync("POST", "/manage/tokens",
                $$"""{"project_id":"{{token["project_id"]}}","duration_minutes":60,"{{name}}":{{value}}}"""),
            await AskAsync("POST", "/manage/projects",
                $$"""{"name":"b","api_key":"sk-0123456789","{{name}}":{{value}}}"""),
            await AskAsync("PATCH", $"/manage/tokens/{token["id"]}", $$"""{"{{name}}":{{value}}}"""),
            await AskAsync("PATCH", $"/manage/projects/{token["project_id"]}", $$"""{"{{name}}":{{value}}}"""),
        ];

        Assert.All(refused, answer => Assert.Equal($"400 invalid_field {name}", answer.Problem));
        Assert.Equal(before, (await AskAsync("GET", $"/manage/tokens/{token["id"]}")).Text);
    }

    [Theory]
    [InlineData("max_cost_usd", "10.5", "must be a string or null: put the number into quotes.")]
    [InlineData("max_cost_usd", "\"ten\"", "must be US dollars as a decimal number in a string, such as \"10.50\"")]
    [InlineData("allowed_models", "\"gpt-5\"", "must be a list of strings or null.")]
    [InlineData("allowed_models", "[7]", "must be a list of strings or null.")]
    [InlineData("allowed_models", "[]", "must not be empty, which would allow nothing; null is no limit.")]
    [InlineData("allowed_models", "[\"gpt-[\"]", "'gpt-[' has a '[' without a ']'.")]
    [InlineData("allowed_endpoints", "[\"v1\"]", "'v1' must start with '/'.")]
    [InlineData("allowed_origins", "[\"*\"]", "'*' is not supported: every origin is listed by itself.")]
    [InlineData("allowed_models", "[\"a\",\"a\"]", "'a' is there twice.")]
    [InlineData("allowed_models", "[\"a\\tb\"]", "must not hold control characters.")]
    public async Task Say_what_to_write_instead(string name, string value, string sentence)
    {
        var refused = await AskAsync("POST", "/manage/projects",
            $$"""{"name":"a","api_key":"sk-0123456789","{{name}}":{{value}}}""");

        Assert.Contains(sentence, refused.Json["detail"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Are_stored_as_the_enforcing_side_reads_them()
    {
        var token = (await MakeAsync("tokens", $",{AllLimits}")).Json;

        var stored = await _server.Services.GetRequiredService<TokenStore>().FindAsync(
            Guid.Parse(token["id"]!.GetValue<string>()), TestContext.Current.CancellationToken);
        var limits = LimitSet.Of(stored!);

        Assert.Equal(10_500_000, limits.MaxCost);
        Assert.True(limits.AllowedModels![1].Matches("gpt-5-mini"));
        Assert.True(limits.AllowedEndpoints!.Contains("/v1/models/gpt-5"));
        Assert.Equal("https://app.example.com", Assert.Single(limits.AllowedOrigins!));
    }

    [Fact]
    public async Task Show_what_was_used()
    {
        var token = (await MakeAsync("tokens", ",\"max_cost_usd\":\"1\"")).Json;
        await _server.CountUseAsync();

        var tokenShown = (await AskAsync("GET", $"/manage/tokens/{token["id"]}")).Json;
        var projectShown = (await AskAsync("GET", $"/manage/projects/{token["project_id"]}")).Json;

        Assert.All([tokenShown, projectShown], shown => Assert.Equal(
            "17 52000 0.120001 2026-01-31T12:00:00Z",
            $"{shown["request_count"]} {shown["token_count"]} {shown["cost_usd"]} {shown["last_used_at"]}"));
    }

    [Fact]
    public async Task A_project_ends_when_it_is_told_to_and_never_again_after_null()
    {
        var made = await MakeAsync("projects", ",\"expires_at\":\"2030-01-01T01:00:00+01:00\"");
        var id = made.Json["id"];

        var untouched = await AskAsync("PATCH", $"/manage/projects/{id}", """{"name":"other"}""");
        var moved = await AskAsync("PATCH", $"/manage/projects/{id}", """{"expires_at":"2031-01-01T00:00:00Z"}""");
        var freed = await AskAsync("PATCH", $"/manage/projects/{id}", """{"expires_at":null}""");

        Assert.Equal("2030-01-01T00:00:00Z", made.Json["expires_at"]!.GetValue<string>());
        Assert.Equal("2030-01-01T00:00:00Z", untouched.Json["expires_at"]!.GetValue<string>());
        Assert.Equal("2031-01-01T00:00:00Z", moved.Json["expires_at"]!.GetValue<string>());
        Assert.Null(freed.Json["expires_at"]);
    }

    [Theory]
    [InlineData("\"\"")]
    [InlineData("\"2026-01-31T12:00:00Z\"")]
    [InlineData("\"2030-01-01T00:00:00\"")]
    [InlineData("\"2030-01-01\"")]
    [InlineData("\"2036-02-01T12:00:00Z\"")]
    [InlineData("\"9999-12-31T23:59:59Z\"")]
    [InlineData("1893456000")]
    [InlineData("[]")]
    public async Task A_project_does_not_end_at_what_is_no_time_to_come(string value)
    {
        var id = await _server.GivenAProjectAsync("a");

        var created = await AskAsync("POST", "/manage/projects",
            $$"""{"name":"b","api_key":"sk-0123456789","expires_at":{{value}}}""");
        var changed = await AskAsync("PATCH", $"/manage/projects/{id}", $$"""{"expires_at":{{value}}}""");

        Assert.Equal("400 invalid_field expires_at", created.Problem);
        Assert.Equal("400 invalid_field expires_at", changed.Problem);
    }

    private async Task<Answer> MakeAsync(string what, string more)
    {
        if (what == "projects")
        {
            return await AskAsync("POST", "/manage/projects", $$"""{"name":"p","api_key":"sk-0123456789"{{more}}}""");
        }

        var project = await _server.GivenAProjectAsync("research");
        return await AskAsync(
            "POST", "/manage/tokens", $$"""{"project_id":"{{project}}","duration_minutes":60{{more}}}""");
    }

    private Task<Answer> AskAsync(string method, string path, string? json = null) =>
        _server.Client.AskAsync(method, path, json);
}
