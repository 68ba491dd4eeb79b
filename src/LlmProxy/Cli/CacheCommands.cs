using System.CommandLine;
using System.Globalization;

namespace LlmProxy.Cli;

/// <summary><c>llm-proxy manage cache</c>.</summary>
internal sealed class CacheCommands(Workplace place, ManageOptions options)
{
    private readonly Terminal _terminal = place.Terminal;

    private readonly Option<string?> _project = Text("--project-id", "id", "Answers to this project only.");

    private readonly Option<string?> _provider = Text("--provider", "name", "Answers of this provider only.");

    private readonly Option<string?> _endpoint = Text(
        "--endpoint", "path", "Answers of this endpoint only: the whole path behind the provider's name.");

    private readonly Option<string?> _model = Text("--model", "name", "Answers of this model only.");

    private readonly Option<string?> _url = Text(
        "--url", "path",
        "Answers to one request, by path and query; without --project-id, everything of that endpoint.");

    private readonly Option<string?> _method = Text(
        "--method", "name", "The method of the request at --url; GET when not given.");

    private readonly Option<string?> _body = Text("--body", "text", "The body of the POST to --url, as it was sent.");

    private readonly Option<bool> _all = new("--all") { Description = "Everything." };

    public static Verb Create(Workplace place, ManageOptions options)
    {
        var commands = new CacheCommands(place, options);
        return new Verb("cache", "Cached answers: forget them, and see what the cache does.")
        {
            commands.CreatePurge(),
            commands.CreateStats(),
        };
    }

    private Verb CreatePurge()
    {
        var purge = new Verb(
            "purge",
            "Forget cached answers: those for which everything holds that is given.",
            "llm-proxy manage cache purge --provider openai --endpoint /v1/models",
            "llm-proxy manage cache purge --project-id 019aa2f0-5b1c-7c3e-9d53-0a4b8f1e2c6d --url '/v1/models?limit=2'",
            "llm-proxy manage cache purge --all")
        {
            _project, _provider, _endpoint, _model, _url, _method, _body, _all,
        };
        purge.SetAction(async (parsed, stop) =>
        {
            var wanted = new CachePurge(
                parsed.GetValue(_project), parsed.GetValue(_provider), parsed.GetValue(_endpoint),
                parsed.GetValue(_model), parsed.GetValue(_url), parsed.GetValue(_method), parsed.GetValue(_body),
                parsed.GetValue(_all) ? true : null);
            if (wanted == new CachePurge(null, null, null, null, null, null, null, null))
            {
                throw CommandFailure.Usage(
                    "Nothing to forget: give --project-id, --provider, --endpoint, --model or --url, or --all.");
            }

            using var api = await options.ConnectAsync(parsed, stop);
            var answer = await api.PostAsync("manage/cache/purge", wanted, CliJson.Default.CachePurge, stop);
            if (options.WantsJson(parsed))
            {
                Report.Json(_terminal, answer);
                return ExitCode.Ok;
            }

            var deleted = ApiView.Of(answer, CliJson.Default.CacheReport).Deleted ?? 0;
            _terminal.Print(deleted == 1 ? "1 answer is forgotten." : $"{Count(deleted)} answers are forgotten.");
            return ExitCode.Ok;
        });
        return purge;
    }

    private Verb CreateStats()
    {
        var stats = new Verb(
            "stats",
            "Show what the cache of the server holds, and what it did since the server was started.",
            "llm-proxy manage cache stats");
        stats.SetAction(async (parsed, stop) =>
        {
            using var api = await options.ConnectAsync(parsed, stop);
            var answer = await api.GetAsync("manage/cache/stats", stop);
            if (options.WantsJson(parsed))
            {
                Report.Json(_terminal, answer);
            }
            else
            {
                Show(ApiView.Of(answer, CliJson.Default.CacheReport));
            }

            return ExitCode.Ok;
        });
        return stats;
    }

    private void Show(CacheReport report)
    {
        var redis = report.RedisIsUp switch
        {
            true => ", which answers",
            false => ", which does not answer",
            null => string.Empty,
        };
        Report.Fields(
            _terminal,
            ("Backend", (report.Backend ?? "-") + redis),
            ("In memory", $"{Count(report.Entries)} answers"),
            ("Size", $"{Count(report.Bytes)} of {Count(report.BytesMax)} bytes"),
            ("Evicted", Count(report.Evicted)));
        if (report.Endpoints is not { Count: > 0 } endpoints)
        {
            return;
        }

        _terminal.Print(string.Empty);
        Report.Table(
            _terminal,
            [
                "PROVIDER", "ENDPOINT", "HITS", "STALE", "COLLAPSED", "MISSES", "VALIDATED", "BYPASSED", "STORED",
            ],
            endpoints.Select(static row => (IReadOnlyList<string>)[
                row.Provider, row.Endpoint, Count(row.Use?.Hits), Count(row.Use?.Stale), Count(row.Use?.Collapsed),
                Count(row.Use?.Misses), Count(row.Use?.Validated), Count(row.Use?.Bypassed), Count(row.Use?.Stored)]));
    }

    private static string Count(long? count) => (count ?? 0).ToString(CultureInfo.InvariantCulture);

    private static Option<string?> Text(string name, string form, string meaning) =>
        new(name) { HelpName = form, Description = meaning };
}

/// <summary>Which answers to forget.</summary>
internal sealed record CachePurge(
    string? ProjectId, string? Provider, string? Endpoint, string? Model, string? Url, string? Method, string? Body,
    bool? All);

/// <summary>What the API says about the cache: what it forgot, or what it holds and did.</summary>
internal sealed record CacheReport
{
    public long? Deleted { get; init; }

    public string? Backend { get; init; }

    public bool? RedisIsUp { get; init; }

    public long? Entries { get; init; }

    public long? Bytes { get; init; }

    public long? BytesMax { get; init; }

    public long? Evicted { get; init; }

    public IReadOnlyList<CachedEndpoint>? Endpoints { get; init; }
}

/// <summary>What became of the requests for an endpoint.</summary>
internal sealed record CachedEndpoint(string Provider, string Endpoint, CacheCounts? Use);

/// <summary>Requests by what became of them.</summary>
internal sealed record CacheCounts(
    long? Hits, long? Stale, long? Collapsed, long? Misses, long? Validated, long? Bypassed, long? Stored);
