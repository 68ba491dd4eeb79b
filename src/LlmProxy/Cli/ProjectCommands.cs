using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LlmProxy.Cli;

/// <summary><c>llm-proxy manage project</c>.</summary>
internal sealed class ProjectCommands(Workplace place, ManageOptions options)
{
    private const string Path = "manage/projects";

    /// <summary>What the server's setting says.</summary>
    private const string CaptureOfSetting = "setting";

    private readonly Terminal _terminal = place.Terminal;
    private readonly Argument<string> _id = new("id") { Description = "The project's id." };

    public static Verb Create(Workplace place, ManageOptions options)
    {
        var commands = new ProjectCommands(place, options);
        return new Verb("project", "Projects: tenants, each with its own provider key and tokens.")
        {
            commands.CreateList(),
            commands.CreateGet(),
            commands.CreateCreate(),
            commands.CreateUpdate(),
            commands.CreateDelete(),
        };
    }

    private Verb CreateList()
    {
        var list = new Verb("list", "List all projects.", "llm-proxy manage project list --json");
        list.SetAction(async (parsed, stop) =>
        {
            using var api = await options.ConnectAsync(parsed, stop);
            var projects = await api.ListAsync($"{Path}?limit=100", stop);
            if (options.WantsJson(parsed))
            {
                Report.Json(_terminal, projects);
            }
            else if (projects.Count == 0)
            {
                _terminal.Note("There are no projects. Make one with 'llm-proxy manage project create'.");
            }
            else
            {
                Report.Table(
                    _terminal,
                    ["ID", "NAME", "ACTIVE", "API KEY", .. LimitReport.Headings, "CREATED (UTC)", "UPDATED (UTC)"],
                    projects.Select(static answer => (Project: ViewOf(answer), Limits: LimitReport.ViewOf(answer)))
                        .Select(static row => (IReadOnlyList<string>)[
                            row.Project.Id, row.Project.Name, YesNo(row.Project.IsActive), KeyOf(row.Project),
                            .. LimitReport.Cells(row.Limits), Report.Time(row.Project.CreatedAt),
                            Report.Time(row.Project.UpdatedAt)]));
            }

            return ExitCode.Ok;
        });
        return list;
    }

    private Verb CreateGet()
    {
        var get = new Verb("get", "Show one project.") { _id };
        get.SetAction(async (parsed, stop) =>
        {
            using var api = await options.ConnectAsync(parsed, stop);
            return Show(parsed, await api.GetAsync(PathOf(parsed), stop));
        });
        return get;
    }

    private Verb CreateCreate()
    {
        var name = new Option<string>("--name")
        {
            HelpName = "name",
            Required = true,
            Description = "Its name; no two projects have the same.",
        };
        var key = ProviderKeyOption("The provider's API key (OPENAI_API_KEY); - reads it from the input.");
        var expiresAt = ExpiresAtOption("When its tokens cease to be served; never, when not given.");
        var capture = CaptureOption("What of its messages goes into events; the setting's, when not given.");
        var limits = LimitOptions.ForNew();
        var create = new Verb(
            "create",
            "Make a project. Its provider key is stored sealed and never shown again.",
            "llm-proxy manage project create --name website --openai-key - < key.txt",
            "OPENAI_API_KEY=sk-… llm-proxy manage project create --name website --max-cost-usd 100")
        {
            name, key, expiresAt, capture,
        };
        limits.AddTo(create);
        create.SetAction(async (parsed, stop) =>
        {
            var wantedLimits = limits.Read(parsed);
            var secret = await Credential.ReadAsync(parsed.GetValue(key), key, _terminal, stop)
                ?? place.Setting("OPENAI_API_KEY")
                ?? throw CommandFailure.Usage(
                    "The provider's API key is missing: give --openai-key or set OPENAI_API_KEY.");
            using var api = await options.ConnectAsync(parsed, stop);
            var project = new NewProject
            {
                Name = parsed.GetRequiredValue(name),
                ApiKey = secret,
                ExpiresAt = parsed.GetValue(expiresAt) is { } end and not OptionForms.Never ? end : null,
                CaptureBodies = parsed.GetValue(capture) is { } bodies and not CaptureOfSetting ? bodies : null,
            };
            var body = LimitOptions.Join(project, CliJson.Default.NewProject, wantedLimits);
            return Show(parsed, await api.PostAsync(Path, body, CliJson.Default.JsonObject, stop));
        });
        return create;
    }

    private Verb CreateUpdate()
    {
        var name = new Option<string?>("--name") { HelpName = "name", Description = "Its new name." };
        var key = ProviderKeyOption("Its new provider API key; - reads it from the input.");
        var active = new Option<bool?>("--active")
        {
            HelpName = "true|false",
            Arity = ArgumentArity.ExactlyOne,
            Description = "Whether its tokens are served.",
        };
        var revoke = new Option<bool>("--revoke-tokens")
        {
            Description = "With --active false: also end all its tokens for good.",
        };
        var expiresAt = ExpiresAtOption("When its tokens cease to be served; never takes that back.");
        var capture = CaptureOption("What of its messages goes into events.");
        var limits = LimitOptions.ForChange();
        var update = new Verb(
            "update",
            "Change a project. What is not given stays as it is.",
            "llm-proxy manage project update 019aa2f0-5b1c-7c3e-9d53-0a4b8f1e2c6d --active false --revoke-tokens")
        {
            _id, name, key, active, revoke, expiresAt, capture,
        };
        limits.AddTo(update);
        update.SetAction(async (parsed, stop) =>
        {
            var secret = await Credential.ReadAsync(parsed.GetValue(key), key, _terminal, stop);
            var members = ChangesOf(limits.Read(parsed), parsed.GetValue(expiresAt), parsed.GetValue(capture));
            var change = new ProjectChange
            {
                Name = parsed.GetValue(name),
                ApiKey = secret,
                IsActive = parsed.GetValue(active),
                RevokeTokens = parsed.GetValue(revoke) ? true : null,
            };
            switch (change)
            {
                case { RevokeTokens: true, IsActive: not false }:
                    throw CommandFailure.Usage("--revoke-tokens goes together with --active false.");
                case { Name: null, ApiKey: null, IsActive: null } when members.Count == 0:
                    throw CommandFailure.Usage(
                        "Nothing to change: give --name, --openai-key, --active, --expires-at, --capture-bodies or a "
                        + "limit.");
            }

            using var api = await options.ConnectAsync(parsed, stop);
            var body = LimitOptions.Join(change, CliJson.Default.ProjectChange, members);
            return Show(parsed, await api.PatchAsync(PathOf(parsed), body, CliJson.Default.JsonObject, stop));
        });
        return update;
    }

    private Verb CreateDelete()
    {
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask. Needed where nobody can be asked." };
        var delete = new Verb(
            "delete",
            "Delete a project and its tokens. Running requests of these tokens end.",
            "llm-proxy manage project delete 019aa2f0-5b1c-7c3e-9d53-0a4b8f1e2c6d --yes")
        {
            _id, yes,
        };
        delete.SetAction(async (parsed, stop) =>
        {
            var id = ManageOptions.Checked(parsed.GetRequiredValue(_id));
            using var api = await options.ConnectAsync(parsed, stop);
            if (!parsed.GetValue(yes) && !await ConfirmAsync(api, id, stop))
            {
                _terminal.Note("Nothing was deleted.");
                return ExitCode.Refused;
            }

            await api.DeleteAsync($"{Path}/{id}", stop);
            if (options.WantsJson(parsed))
            {
                Report.Json(_terminal, new Deed(id, "deleted"));
            }
            else
            {
                _terminal.Print($"Project {id} and its tokens are deleted.");
            }

            return ExitCode.Ok;
        });
        return delete;
    }

    private async Task<bool> ConfirmAsync(ApiClient api, string id, CancellationToken stop)
    {
        if (!_terminal.InputIsTerminal)
        {
            throw CommandFailure.Usage("Deleting a project ends all its tokens: confirm it with --yes.");
        }

        var project = ViewOf(await api.GetAsync($"{Path}/{id}", stop));
        return await _terminal.ConfirmAsync(
            $"Delete the project '{project.Name}' and all its tokens?", byDefault: false, stop);
    }

    private static Option<string?> ProviderKeyOption(string description) => new("--openai-key", "--api-key")
    {
        HelpName = "key",
        Description = description,
    };

    private static Option<string?> ExpiresAtOption(string description) => new("--expires-at")
    {
        HelpName = "time",
        Description = description,
        CustomParser = static result => OptionForms.Instant(result, orNever: true),
    };

    private static Option<string?> CaptureOption(string description) =>
        new Option<string?>("--capture-bodies")
        {
            HelpName = "none|metadata|all|setting",
            Description = description,
        }.AcceptOnlyFromAmong("none", "metadata", "all", CaptureOfSetting);

    /// <summary>The limits with the members that, unlike others, may be sent as null.</summary>
    private static JsonObject ChangesOf(JsonObject limits, string? expiresAt, string? captureBodies)
    {
        if (captureBodies is not null)
        {
            limits["capture_bodies"] = captureBodies == CaptureOfSetting ? null : JsonValue.Create(captureBodies);
        }

        if (expiresAt is not null)
        {
            limits["expires_at"] = expiresAt == OptionForms.Never ? null : JsonValue.Create(expiresAt);
        }

        return limits;
    }

    private string PathOf(ParseResult parsed) => $"{Path}/{ManageOptions.Checked(parsed.GetRequiredValue(_id))}";

    private int Show(ParseResult parsed, JsonElement answer)
    {
        if (options.WantsJson(parsed))
        {
            Report.Json(_terminal, answer);
            return ExitCode.Ok;
        }

        var project = ViewOf(answer);
        Report.Fields(
            _terminal,
            [
                ("ID", project.Id),
                ("Name", project.Name),
                ("Active", YesNo(project.IsActive)),
                ("API key", KeyOf(project)),
                ("Expires", project.ExpiresAt is { } end ? $"{Report.Time(end)} UTC" : OptionForms.Never),
                .. LimitReport.Use(LimitReport.ViewOf(answer)),
                ("Event bodies", project.CaptureBodies ?? CaptureOfSetting),
                ("Last used", Report.Time(project.LastUsedAt)),
                ("Created", $"{Report.Time(project.CreatedAt)} UTC"),
                ("Updated", $"{Report.Time(project.UpdatedAt)} UTC"),
            ]);
        return ExitCode.Ok;
    }

    private static ProjectView ViewOf(JsonElement answer) => ApiView.Of(answer, CliJson.Default.ProjectView);

    private static string KeyOf(ProjectView project) => $"…{project.ApiKeyLastFour}";

    private static string YesNo(bool value) => value ? "yes" : "no";
}
