using System.CommandLine;
using System.Text.Json;

namespace LlmProxy.Cli;

/// <summary><c>llm-proxy manage token</c>.</summary>
internal sealed class TokenCommands(Workplace place, ManageOptions options)
{
    private const string Path = "manage/tokens";
    private static readonly TimeSpan LifetimeByDefault = TimeSpan.FromHours(24);

    private readonly Terminal _terminal = place.Terminal;
    private readonly Argument<string> _id = new("id") { Description = "The token's id (not the secret)." };

    public static Verb Create(Workplace place, ManageOptions options)
    {
        var commands = new TokenCommands(place, options);
        return new Verb("token", "Withering tokens: what clients use in place of a provider key.")
        {
            commands.CreateGenerate(),
            commands.CreateList(),
            commands.CreateGet(),
            commands.CreateRevoke(),
            commands.CreateUpdate(),
            new ExplainCommand(place, options, commands._id).Create(),
        };
    }

    private Verb CreateGenerate()
    {
        var project = new Option<string>("--project-id")
        {
            HelpName = "id",
            Required = true,
            Description = "The project that it belongs to.",
        };
        var duration = new Option<TimeSpan?>("--duration")
        {
            HelpName = "duration",
            Description = "How long it lives: hours, or 90m, 24h, 7d; 24h when not given, at most 365d.",
            CustomParser = OptionForms.Lifetime,
        };
        var expiresAt = ExpiresAtOption("When it expires, at most 365 days from now; in place of --duration.");
        var noCache = NoCacheOption();
        var limits = LimitOptions.ForNew();
        var generate = new Verb(
            "generate",
            "Make a token. Its secret is shown this once.",
            "llm-proxy manage token generate --project-id 019aa2f0-5b1c-7c3e-9d53-0a4b8f1e2c6d --duration 90m",
            "llm-proxy manage token generate --project-id 019aa2f0-5b1c-7c3e-9d53-0a4b8f1e2c6d --max-requests 100 "
            + "--max-cost-usd 5 --allowed-model 'gpt-5*'")
        {
            project, duration, expiresAt, noCache,
        };
        limits.AddTo(generate);
        generate.SetAction(async (parsed, stop) =>
        {
            var (lifetime, end) = EndOf(parsed, duration, expiresAt);
            var minutes = end is null ? (long?)(lifetime ?? LifetimeByDefault).TotalMinutes : null;
            var token = LimitOptions.Join(
                new NewToken(parsed.GetRequiredValue(project), minutes, end, parsed.GetValue(noCache) ? false : null),
                CliJson.Default.NewToken, limits.Read(parsed));
            using var api = await options.ConnectAsync(parsed, stop);
            var answer = await api.PostAsync(Path, token, CliJson.Default.JsonObject, stop);
            if (options.WantsJson(parsed))
            {
                Report.Json(_terminal, answer);
                return ExitCode.Ok;
            }

            var made = ViewOf(answer);
            Report.Fields(
                _terminal,
                [
                    ("Token", made.Token ?? string.Empty),
                    ("ID", made.Id),
                    ("Project", made.ProjectId),
                    ("Expires", $"{Report.Time(made.ExpiresAt)} UTC"),
                    .. LimitReport.Limits(LimitReport.ViewOf(answer)),
                    .. CacheOf(made),
                ]);
            _terminal.Note("Keep the token now: it is not shown again.");
            return ExitCode.Ok;
        });
        return generate;
    }

    private Verb CreateList()
    {
        var project = new Option<string?>("--project-id")
        {
            HelpName = "id",
            Description = "Only tokens of this project.",
        };
        var activeOnly = new Option<bool>("--active-only") { Description = "Only tokens that still work." };
        var list = new Verb(
            "list",
            "List all tokens, without their secrets.",
            "llm-proxy manage token list --active-only")
        {
            project, activeOnly,
        };
        list.SetAction(async (parsed, stop) =>
        {
            var query = "?limit=100"
                + (parsed.GetValue(project) is { } id ? $"&projectId={Uri.EscapeDataString(id)}" : string.Empty)
                + (parsed.GetValue(activeOnly) ? "&activeOnly=true" : string.Empty);
            using var api = await options.ConnectAsync(parsed, stop);
            var tokens = await api.ListAsync(Path + query, stop);
            if (options.WantsJson(parsed))
            {
                Report.Json(_terminal, tokens);
            }
            else if (tokens.Count == 0)
            {
                _terminal.Note("There are no such tokens.");
            }
            else
            {
                Report.Table(
                    _terminal,
                    ["ID", "PROJECT", "STATE", "EXPIRES (UTC)", .. LimitReport.Headings, "LAST USED (UTC)"],
                    tokens.Select(answer => (Token: ViewOf(answer), Limits: LimitReport.ViewOf(answer)))
                        .Select(row => (IReadOnlyList<string>)[
                            row.Token.Id, row.Token.ProjectId, StateOf(row.Token), Report.Time(row.Token.ExpiresAt),
                            .. LimitReport.Cells(row.Limits), Report.Time(row.Token.LastUsedAt)]));
            }

            return ExitCode.Ok;
        });
        return list;
    }

    private Verb CreateGet()
    {
        var get = new Verb("get", "Show one token, without its secret.") { _id };
        get.SetAction(async (parsed, stop) =>
        {
            using var api = await options.ConnectAsync(parsed, stop);
            return Show(parsed, await api.GetAsync(PathOf(parsed), stop));
        });
        return get;
    }

    private Verb CreateRevoke()
    {
        var revoke = new Verb("revoke", "End a token at once, with the requests that it has running.") { _id };
        revoke.SetAction(async (parsed, stop) =>
        {
            var id = ManageOptions.Checked(parsed.GetRequiredValue(_id));
            using var api = await options.ConnectAsync(parsed, stop);
            await api.DeleteAsync($"{Path}/{id}", stop);
            if (options.WantsJson(parsed))
            {
                Report.Json(_terminal, new Deed(id, "revoked"));
            }
            else
            {
                _terminal.Print($"Token {id} is revoked.");
            }

            return ExitCode.Ok;
        });
        return revoke;
    }

    private Verb CreateUpdate()
    {
        var active = new Option<bool?>("--active")
        {
            HelpName = "true|false",
            Arity = ArgumentArity.ExactlyOne,
            Description = "Whether it is served.",
        };
        var duration = new Option<TimeSpan?>("--duration")
        {
            HelpName = "duration",
            Description = "How long it lives from now on, written as for 'generate'.",
            CustomParser = OptionForms.Lifetime,
        };
        var expiresAt = ExpiresAtOption("When it expires; in place of --duration.");
        var noCache = NoCacheOption();
        var useCache = new Option<bool>("--use-cache") { Description = "It may be answered from the cache again." };
        var limits = LimitOptions.ForChange();
        var update = new Verb(
            "update",
            "Change a token. What is not given stays as it is; what was used already counts.",
            "llm-proxy manage token update 019aa2f1-77aa-7d10-8b7e-3f9c5d2e1a40 --max-requests 500 --duration 7d")
        {
            _id, active, duration, expiresAt, noCache, useCache,
        };
        limits.AddTo(update);
        update.SetAction(async (parsed, stop) =>
        {
            var (lifetime, end) = EndOf(parsed, duration, expiresAt);
            var change = LimitOptions.Join(
                new TokenChange(
                    parsed.GetValue(active), (long?)lifetime?.TotalMinutes, end,
                    SwitchOf(parsed, on: useCache, off: noCache)),
                CliJson.Default.TokenChange, limits.Read(parsed));
            if (change.Count == 0)
            {
                throw CommandFailure.Usage(
                    "Nothing to change: give --active, --duration, --expires-at, --no-cache, --use-cache or a limit, "
                    + "such as --max-requests.");
            }

            using var api = await options.ConnectAsync(parsed, stop);
            return Show(parsed, await api.PatchAsync(PathOf(parsed), change, CliJson.Default.JsonObject, stop));
        });
        return update;
    }

    private string PathOf(ParseResult parsed) => $"{Path}/{ManageOptions.Checked(parsed.GetRequiredValue(_id))}";

    private int Show(ParseResult parsed, JsonElement answer)
    {
        if (options.WantsJson(parsed))
        {
            Report.Json(_terminal, answer);
            return ExitCode.Ok;
        }

        var token = ViewOf(answer);
        Report.Fields(
            _terminal,
            [
                ("ID", token.Id),
                ("Project", token.ProjectId),
                ("State", StateOf(token)),
                ("Expires", $"{Report.Time(token.ExpiresAt)} UTC"),
                .. LimitReport.Use(LimitReport.ViewOf(answer)),
                .. CacheOf(token),
                ("Last used", Report.Time(token.LastUsedAt)),
                ("Created", $"{Report.Time(token.CreatedAt)} UTC"),
            ]);
        return ExitCode.Ok;
    }

    private string StateOf(TokenView token) => token switch
    {
        { IsActive: false } => "revoked",
        { ExpiresAt: { } end } when end <= place.Clock.GetUtcNow() => "expired",
        _ => "active",
    };

    /// <summary>Nothing while it is as it is for everybody.</summary>
    private static IEnumerable<(string Label, string Value)> CacheOf(TokenView token) =>
        token.UseCache is false ? [("Cache", "not used")] : [];

    private static TokenView ViewOf(JsonElement answer) => ApiView.Of(answer, CliJson.Default.TokenView);

    private static Option<string?> ExpiresAtOption(string description) => new("--expires-at")
    {
        HelpName = "time",
        Description = description,
        CustomParser = static result => OptionForms.Instant(result, orNever: false),
    };

    private static Option<bool> NoCacheOption() => new("--no-cache")
    {
        Description = "It is never answered from the cache, and its answers are not kept there.",
    };

    private static bool? SwitchOf(ParseResult parsed, Option<bool> on, Option<bool> off) =>
        (parsed.GetValue(on), parsed.GetValue(off)) switch
        {
            (true, true) => throw CommandFailure.Usage($"{on.Name} does not go together with {off.Name}."),
            (true, _) => true,
            (_, true) => false,
            _ => null,
        };

    private static (TimeSpan? Lifetime, string? ExpiresAt) EndOf(
        ParseResult parsed, Option<TimeSpan?> duration, Option<string?> expiresAt)
    {
        var (lifetime, end) = (parsed.GetValue(duration), parsed.GetValue(expiresAt));
        return lifetime is not null && end is not null
            ? throw CommandFailure.Usage($"{expiresAt.Name} does not go together with {duration.Name}.")
            : (lifetime, end);
    }
}
