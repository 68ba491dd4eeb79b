using System.Net;
using System.Text.Json.Nodes;
using LlmProxy.Tests.Management;
using LlmProxy.Usage;
using LlmProxy.Usage.Statistics;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace LlmProxy.Tests.Usage.Statistics;

public sealed class UsageApiTests : IAsyncLifetime
{
    private static readonly Guid FirstToken = Guid.Parse("0199c0de-0000-7d4e-9f50-6b7c8d9e0f1a");
    private static readonly Guid SecondToken = Guid.Parse("0199c0de-1111-7d4e-9f50-6b7c8d9e0f1a");

    private ManagementServer _server = null!;
    private string _project = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await ManagementServer.StartAsync();
        _project = await _server.GivenAProjectAsync("research");
    }

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Shows_the_present_in_one_row_when_nothing_is_asked()
    {
        Record(0, micros: 1_234);
        Record(TimeSpan.FromDays(20), micros: 5);
        Record(TimeSpan.FromDays(31), micros: 1_000_000);

        var answer = await AskAsync("");
        var row = RowsOf(answer).Single();

        Assert.Equal("2026-01-01T12:00:00Z 2026-01-31T12:00:00Z  ",
            $"{answer.Json["from"]} {answer.Json["to"]} {answer.Json["interval"]} {answer.Json["next_cursor"]}");
        Assert.Equal(
            """
            {"start":null,"project_id":null,"token_id":null,"provider":null,"model":null,"requests":2,
            "refused_requests":0,"failed_requests":0,"prompt_tokens":20,"completion_tokens":10,"cached_tokens":8,
            "cache_written_tokens":0,"reasoning_tokens":4,"audio_prompt_tokens":0,"audio_completion_tokens":0,
            "cost_usd":"0.001239","unpriced_requests":0,"counted_requests":0,"unmeasured_requests":0}
            """.ReplaceLineEndings(string.Empty),
            row.ToJsonString());
    }

    [Fact]
    public async Task Has_no_rows_where_nothing_was_used()
    {
        var answer = await AskAsync("?group_by=project,token,model,provider&interval=day");

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Empty(RowsOf(answer));
    }

    [Theory]
    [InlineData("", "* * * * 4")]
    [InlineData("?group_by=model", "* * * a 3;* * * b 1")]
    [InlineData("?group_by=token", "* 0 * * 3;* 1 * * 1")]
    [InlineData("?group_by=provider,model", "* * anthropic b 1;* * openai a 3")]
    [InlineData("?group_by=project,token,model,provider", "P 0 openai a 2;P 0 anthropic b 1;P 1 openai a 1")]
    [InlineData("?group_by=model&token_id=0199c0de-0000-7d4e-9f50-6b7c8d9e0f1a", "* * * a 2;* * * b 1")]
    [InlineData("?model=a", "* * * * 3")]
    [InlineData("?project_id=0199c0de-0000-7d4e-9f50-6b7c8d9e0f1a", "")]
    public async Task Groups_and_filters(string query, string expected)
    {
        Record(0, model: "a");
        Record(TimeSpan.FromMinutes(1), model: "a");
        Record(0, model: "b", provider: "anthropic");
        Record(0, model: "a", token: SecondToken);

        var rows = RowsOf(await AskAsync(query)).Select(row => string.Join(' ',
            row["project_id"] is null ? "*" : (string?)row["project_id"] == _project ? "P" : "?",
            row["token_id"] is null ? "*" : (string?)row["token_id"] == FirstToken.ToString() ? "0" : "1",
            row["provider"] ?? "*", row["model"] ?? "*", row["requests"]));

        Assert.Equal(
            string.Join(';', expected.Split(';').Order(StringComparer.Ordinal)),
            string.Join(';', rows.Order(StringComparer.Ordinal)));
    }

    [Theory]
    [InlineData("minute", "11:58 1,11:59 1,12:00 1")]
    [InlineData("hour", "11:00 2,12:00 1")]
    [InlineData("day", "00:00 3")]
    public async Task Has_a_row_for_each_interval(string interval, string expected)
    {
        Record(0);
        Record(TimeSpan.FromSeconds(90));
        _server.Clock.Advance(TimeSpan.FromSeconds(30));
        Record(0);

        var rows = RowsOf(await AskAsync($"?interval={interval}"))
            .Select(static row => $"{((string)row["start"]!)[11..16]} {row["requests"]}");

        Assert.Equal(expected, string.Join(',', rows));
    }

    [Theory]
    [InlineData("minute", "2026-01-31T10:30:30Z", "2026-01-31T10:30:31Z", "10:30:00 10:31:00")]
    [InlineData("hour", "2026-01-31T10:30:30Z", "2026-01-31T11:00:00Z", "10:00:00 11:00:00")]
    [InlineData("hour", "2026-01-31T11:30:30%2B01:00", "2026-01-31T05:00:00.001-06:00", "10:00:00 12:00:00")]
    [InlineData("day", "2026-01-31T10:30:30Z", "2026-01-31T10:30:31Z", "00:00:00 00:00:00")]
    public async Task Rounds_times_to_the_interval(string interval, string from, string to, string expected)
    {
        var answer = await AskAsync($"?interval={interval}&from={from}&to={to}");

        Assert.Equal(expected, $"{((string)answer.Json["from"]!)[11..19]} {((string)answer.Json["to"]!)[11..19]}");
    }

    [Theory]
    [InlineData("?from=2026-01-31T11:59:30Z", "2026-01-31T11:59:00Z")] // minutes are kept for 7 days
    [InlineData("?from=2026-01-20T11:59:30Z", "2026-01-20T11:00:00Z")] // hours for 90
    [InlineData("?from=2025-03-20T11:59:30Z", "2025-03-20T00:00:00Z")]
    [InlineData("?from=0001-01-01T00:00:00Z", "2024-12-27T00:00:00Z")] // and days for 400
    [InlineData("?interval=minute&from=2026-01-01T00:00:00Z", "2026-01-24T12:00:00Z")]
    [InlineData("?from=2026-01-31T11:00:00Z&to=9999-12-31T23:59:59Z", "2026-01-31T11:00:00Z")]
    public async Task Says_since_when_the_sums_are(string query, string from)
    {
        Assert.Equal(from, (string?)(await AskAsync(query)).Json["from"]);
    }

    [Theory]
    [InlineData("", 10)]
    [InlineData("&interval=minute", 30)]
    public async Task Pages_have_every_row_once_while_time_goes_on(string query, int count)
    {
        for (var i = 0; i < 10; i++)
        {
            Record(0, model: $"model {i}");
            Record(TimeSpan.FromMinutes(1), model: $"model {i}");
            Record(TimeSpan.FromMinutes(2), model: $"model {i}", token: SecondToken);
        }

        var path = $"?group_by=model{query}&limit=3";
        var answer = await AskAsync(path);
        var rows = RowsOf(answer);
        while (answer.Json["next_cursor"] is { } cursor)
        {
            _server.Clock.Advance(TimeSpan.FromMinutes(7));
            answer = await AskAsync($"{path}&cursor={cursor}");
            rows.AddRange(RowsOf(answer));
        }

        var names = rows.Select(static row => $"{row["start"]} {row["model"]}").ToHashSet(StringComparer.Ordinal);
        Assert.Equal(count, names.Count);
        Assert.Equal((count, 30L), (rows.Count, rows.Sum(static row => (long)row["requests"]!)));
    }

    [Theory]
    [InlineData("?group_by=color", "group_by")]
    [InlineData("?group_by=", "group_by")]
    [InlineData("?group_by=model,model", "group_by")]
    [InlineData("?group_by=model&group_by=token", "group_by")]
    [InlineData("?interval=week", "interval")]
    [InlineData("?interval=", "interval")]
    [InlineData("?from=yesterday", "from")]
    [InlineData("?from=2026-01-01", "from")]
    [InlineData("?from=2026-01-01T00:00:00", "from")]
    [InlineData("?from=2026-01-01T00:00:00+01:00", "from")]
    [InlineData("?from=2026-02-30T00:00:00Z", "from")]
    [InlineData("?from=2026-01-31T12:00:00Z", "from")]
    [InlineData("?from=2026-01-02T00:00:00Z&to=2026-01-02T00:00:00Z", "from")]
    [InlineData("?to=2025-01-01T00:00:00Z", "from")]
    [InlineData("?to=", "to")]
    [InlineData("?project_id=research", "project_id")]
    [InlineData("?token_id=7", "token_id")]
    [InlineData("?limit=0", "limit")]
    [InlineData("?limit=101", "limit")]
    public async Task Refuses_a_wrong_parameter_and_names_it(string query, string name)
    {
        Assert.Equal($"400 invalid_field {name}", (await AskAsync(query)).Problem);
    }

    [Fact]
    public async Task Refuses_what_it_does_not_know()
    {
        Assert.Equal("400 unknown_parameter groupBy", (await AskAsync("?groupBy=model")).Problem);
        Assert.Equal("400 invalid_field model", (await AskAsync($"?model={new string('a', 129)}")).Problem);
        Assert.Equal("405 method_not_allowed", (await _server.Client.AskAsync("POST", "/manage/usage")).Problem);
        Assert.Equal("401 unauthorized", (await _server.Caller(null).AskAsync("GET", "/manage/usage")).Problem);
    }

    [Theory]
    [InlineData("?group_by=model&limit=1&interval=day")]
    [InlineData("?group_by=model&limit=1&model=a")]
    [InlineData("?group_by=token&limit=1")]
    [InlineData("?group_by=model&limit=1&from=2026-01-30T00:00:00Z")]
    public async Task Refuses_a_cursor_of_another_question(string other)
    {
        Record(0, model: "a");
        Record(0, model: "b");

        var cursor = (await AskAsync("?group_by=model&limit=1")).Json["next_cursor"];

        Assert.Equal("400 invalid_cursor cursor", (await AskAsync($"{other}&cursor={cursor}")).Problem);
        Assert.Equal(HttpStatusCode.OK, (await AskAsync($"?group_by=model&limit=50&cursor={cursor}")).Status);
    }

    private void Record(
        TimeSpan ago, string model = "gpt-4o", string provider = "openai", Guid? token = null, long? micros = 75) =>
        _server.Services.GetRequiredService<UsageStatistics>().Record(new ExchangeUsage(
            (_server.Clock.GetUtcNow() - ago - TimeSpan.FromMilliseconds(1)).ToUnixTimeMilliseconds(),
            Guid.Parse(_project), token ?? FirstToken, provider, model,
            new UsageReport(UsageSource.Reported, 10, 5, Cached: 4, Reasoning: 2), micros, IsRefused: false, 200));

    private void Record(
        int ago, string model = "gpt-4o", string provider = "openai", Guid? token = null, long? micros = 75) =>
        Record(TimeSpan.FromSeconds(ago), model, provider, token, micros);

    private Task<Answer> AskAsync(string query) => _server.Client.AskAsync("GET", $"/manage/usage{query}");

    private static List<JsonObject> RowsOf(Answer answer) =>
        [.. answer.Json["data"]!.AsArray().Select(static row => row!.AsObject())];
}
