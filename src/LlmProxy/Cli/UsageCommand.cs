using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using LlmProxy.Settings;

namespace LlmProxy.Cli;

/// <summary><c>llm-proxy manage usage</c>.</summary>
internal sealed class UsageCommand(Workplace place, ManageOptions options)
{
    // Members of the API's rows, in the order of the CSV file, which has the same names.
    private static readonly string[] Members =
    [
        "start", "project_id", "token_id", "provider", "model", "requests", "refused_requests", "failed_requests",
        "prompt_tokens", "completion_tokens", "cached_tokens", "cache_written_tokens", "reasoning_tokens",
        "audio_prompt_tokens", "audio_completion_tokens", "cost_usd", "unpriced_requests", "counted_requests",
        "unmeasured_requests",
    ];

    // What a person sees, if it has a value.
    private static readonly (string Member, string Heading)[] Columns =
    [
        ("start", "START (UTC)"), ("project_id", "PROJECT"), ("token_id", "TOKEN"), ("provider", "PROVIDER"),
        ("model", "MODEL"), ("requests", "REQUESTS"), ("refused_requests", "REFUSED"), ("failed_requests", "FAILED"),
        ("prompt_tokens", "PROMPT"), ("cached_tokens", "CACHED"), ("completion_tokens", "COMPLETION"),
        ("cost_usd", "COST (USD)"), ("unpriced_requests", "UNPRICED"),
    ];

    private readonly Option<string?> _groupBy = Text(
        "--group-by", "words", "A row for each of these, with commas between them: project, token, model, provider.");

    private readonly Option<string?> _from = Text(
        "--from", "time", "Since when: 2026-01-31, 2026-01-31T12:00:00Z, or so long ago: 24h, 7d; 30d when not given.");

    private readonly Option<string?> _to = Text(
        "--to", "time", "Until when, written as --from; now when not given.");

    private readonly Option<string?> _interval = Text(
        "--interval", "minute|hour|day", "A row for each minute, hour or day, in UTC.");

    private readonly Option<string?> _project = Text("--project-id", "id", "Only usage of this project.");
    private readonly Option<string?> _token = Text("--token-id", "id", "Only usage of this token.");
    private readonly Option<string?> _model = Text("--model", "name", "Only usage of this model.");

    private readonly Option<bool> _csv = new("--csv")
    {
        Description = "Print CSV (RFC 4180) with all columns; no cell of it is a formula for a spreadsheet.",
    };

    public static Verb Create(Workplace place, ManageOptions options)
    {
        var command = new UsageCommand(place, options);
        var usage = new Verb(
            "usage",
            "Show what was used and what it cost.",
            "llm-proxy manage usage --group-by project,model --from 7d",
            "llm-proxy manage usage --interval day --from 2026-01-01 --to 2026-02-01 --csv")
        {
            command._groupBy, command._from, command._to, command._interval, command._project, command._token,
            command._model, command._csv,
        };
        usage.SetAction(command.RunAsync);
        return usage;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken stop)
    {
        var (wantsJson, wantsCsv) = (options.WantsJson(parsed), parsed.GetValue(_csv));
        if (wantsJson && wantsCsv)
        {
            throw CommandFailure.Usage("Give --json or --csv, not both.");
        }

        var path = "manage/usage?limit=100"
            + Part("group_by", parsed.GetValue(_groupBy)) + Part("from", TimeOf(parsed, _from))
            + Part("to", TimeOf(parsed, _to)) + Part("interval", parsed.GetValue(_interval))
            + Part("project_id", parsed.GetValue(_project)) + Part("token_id", parsed.GetValue(_token))
            + Part("model", parsed.GetValue(_model));
        using var api = await options.ConnectAsync(parsed, stop);
        var rows = await api.ListAsync(path, stop);
        if (wantsJson)
        {
            Report.Json(place.Terminal, rows);
        }
        else if (wantsCsv)
        {
            await PrintCsvAsync(rows);
        }
        else if (rows.Count == 0)
        {
            place.Terminal.Note("Nothing was used.");
        }
        else
        {
            PrintTable(rows);
        }

        return ExitCode.Ok;
    }

    private void PrintTable(IReadOnlyList<JsonElement> rows)
    {
        var shown = Columns.Where(column => rows.Any(row => CellOf(row, column.Member) is not null)).ToList();
        Report.Table(
            place.Terminal,
            [.. shown.Select(static column => column.Heading)],
            rows.Select(row => (IReadOnlyList<string>)[.. shown.Select(column => Shown(row, column.Member))]));
    }

    private async Task PrintCsvAsync(IReadOnlyList<JsonElement> rows)
    {
        var output = place.Terminal.Output;
        foreach (var cells in rows
            .Select(static row => Members.Select(member => CellOf(row, member) ?? string.Empty)).Prepend(Members))
        {
            await output.WriteAsync($"{string.Join(',', cells.Select(CsvOf))}\r\n");
        }
    }

    /// <summary>
    /// RFC 4180. What a spreadsheet would take for a formula gets an apostrophe before it: model names come from
    /// clients.
    /// </summary>
    private static string CsvOf(string cell)
    {
        var text = cell is ['=' or '+' or '-' or '@' or '\t' or '\r' or '\n', ..] ? $"'{cell}" : cell;
        return text.AsSpan().ContainsAny(",\"\r\n")
            ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\""
            : text;
    }

    private static string Shown(JsonElement row, string member) => (member, CellOf(row, member)) switch
    {
        ("start", { } start) when DateTimeOffset.TryParse(start, CultureInfo.InvariantCulture, out var time) =>
            Report.Time(time),
        (_, { Length: > 0 } cell) => cell,
        _ => "-",
    };

    /// <summary>Null where the API says null, or nothing.</summary>
    private static string? CellOf(JsonElement row, string member) =>
        row.ValueKind == JsonValueKind.Object && row.TryGetProperty(member, out var value)
            && value.ValueKind is JsonValueKind.String or JsonValueKind.Number
                ? value.ToString()
                : null;

    private string? TimeOf(ParseResult parsed, Option<string?> option)
    {
        if (parsed.GetValue(option) is not { } text)
        {
            return null;
        }

        if (DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _))
        {
            return $"{text}T00:00:00Z";
        }

        return GoDuration.TryParse(text, out var ago) && ago <= TimeSpan.FromDays(10_000)
            ? (place.Clock.GetUtcNow() - ago).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture)
            : text;
    }

    private static string Part(string name, string? value) =>
        value is null ? string.Empty : $"&{name}={Uri.EscapeDataString(value)}";

    private static Option<string?> Text(string name, string form, string meaning) =>
        new(name) { HelpName = form, Description = meaning };
}
