using System.Globalization;
using LlmProxy.Management;

namespace LlmProxy.Usage.Statistics;

/// <summary>Statistics over HTTP.</summary>
/// <remarks>The comments of the handler are the texts of the API description.</remarks>
internal static class UsageApi
{
    private const string GroupBy = "group_by";
    private const string From = "from";
    private const string To = "to";
    private const string Interval = "interval";
    private const string Project = "project_id";
    private const string Token = "token_id";
    private const string Model = "model";

    private static readonly string[] Groups = ["project", "token", "model", "provider"];
    private static readonly string[] Intervals = ["minute", "hour", "day"];

    public static IServiceCollection AddUsageApi(this IServiceCollection services) =>
        services.DescribeTypes(UsageJson.Default);

    /// <param name="manage">The group that <see cref="ManagementFeature.MapManagement"/> answers.</param>
    public static void MapUsage(this IEndpointRouteBuilder manage)
    {
        var usage = manage.MapGroup("").WithTags("Usage");
        usage.MapMethods("/usage", Methods.Read, GetAsync).WithName("getUsage")
            .Takes(new QueryParameter(GroupBy, QueryParameterKind.Text,
                "A row for each project, token, model, provider: some of these words, with commas between them."))
            .Takes(new QueryParameter(From, QueryParameterKind.Time,
                "Since when, rounded down to the interval; 30 days ago when not given."))
            .Takes(new QueryParameter(To, QueryParameterKind.Time,
                "Until when, rounded up to the interval; now when not given."))
            .Takes(new QueryParameter(Interval, QueryParameterKind.Text,
                "A row for each minute, hour or day (UTC); one over the whole time when not given."))
            .Takes(new QueryParameter(Project, QueryParameterKind.Id, "Only usage of this project."))
            .Takes(new QueryParameter(Token, QueryParameterKind.Id, "Only usage of this token."))
            .Takes(new QueryParameter(Model, QueryParameterKind.Text, "Only usage of this model."))
            .IsPaged().Produces<UsagePage>();
        usage.Map("/usage", static (HttpContext http) => Methods.Refuse(http, "GET, HEAD")).ExcludeFromDescription();
    }

    /// <summary>Sum up usage</summary>
    /// <remarks>
    /// Everything up to now is in it. Rows are in the order of time, project, token, provider, model, in pages.
    /// </remarks>
    internal static async Task<IResult> GetAsync(
        HttpRequest request,
        UsageStatistics statistics,
        UsageStore store,
        UsageRetention retention,
        PageCursor cursors,
        TimeProvider clock,
        CancellationToken aborted)
    {
        var list = ListQuery.Of(request, GroupBy, From, To, Interval, Project, Token, Model);
        var question = Read(list, out var from, out var to, out var interval);
        var now = clock.GetUtcNow();
        if ((from ?? now - UsageWindow.FromDefault) >= (to ?? now))
        {
            list.Refuse(From, $"be before '{To}'; when not given they are 30 days ago and now");
        }

        // Everything but the page is part of the list's name, so that a cursor cannot be carried over.
        var name = string.Create(CultureInfo.InvariantCulture,
            $"usage {question with { Limit = 0 }} from {from:O} to {to:O} by {interval}");
        var position = list.Position(cursors, name);
        if (list.Problem is { } problem)
        {
            return problem.ToResult();
        }

        var (window, query) = position is null
            ? (UsageWindow.Of(interval, from, to, retention, now), question)
            : UsageWindow.Resume(position, question);
        await statistics.FlushAsync(aborted);

        // One more than asked for: whether it is there says whether there is a next page.
        var rows = await store.SumAsync(window.Table, query with
        {
            From = query.ByStart ? Math.Max(window.From, query.AfterStart) : window.From,
            To = window.To,
            Limit = query.Limit + 1,
        }, aborted);
        var page = new UsagePage
        {
            From = UsageAnswer.TimeOf(window.From),
            To = UsageAnswer.TimeOf(window.To),
            Interval = interval is { } chosen ? Intervals[(int)chosen] : null,
            Data = [.. rows.Take(query.Limit).Select(row => UsageAnswer.Of(row, query))],
            NextCursor = rows.Count > query.Limit
                ? cursors.Write(name, window.PositionAfter(rows[query.Limit - 1]))
                : null,
        };
        return TypedResults.Json(page, UsageJson.Default.UsagePage);
    }

    private static UsageQuery Read(
        ListQuery list, out DateTimeOffset? from, out DateTimeOffset? to, out UsageInterval? interval)
    {
        var groups = list.Words(GroupBy, Groups);
        (from, to) = (list.Time(From), list.Time(To));
        var word = Array.IndexOf(Intervals, list.Word(Interval, Intervals));
        interval = word < 0 ? null : (UsageInterval)word;
        return new UsageQuery
        {
            ByStart = interval is not null,
            ByProject = groups.Contains("project", StringComparer.Ordinal),
            ByToken = groups.Contains("token", StringComparer.Ordinal),
            ByModel = groups.Contains("model", StringComparer.Ordinal),
            ByProvider = groups.Contains("provider", StringComparer.Ordinal),
            ProjectId = list.Id(Project)?.ToString(),
            TokenId = list.Id(Token)?.ToString(),
            Model = list.Text(Model, ModelLabels.LengthMax),
            Limit = list.Limit(),
        };
    }
}
