using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LlmProxy.Cli;

/// <summary><c>llm-proxy dispatcher</c>: delivers events from the Redis stream to a service.</summary>
internal sealed class DispatcherCommand(Entrypoints entrypoints, Workplace place)
{
    private const string ApiKey = "LLM_PROXY_API_KEY";
    private const string LogFile = "LOG_FILE";

    private readonly Option<string?> _service = Setting(
        "--service", "service", "Where events go: file, lunary, helicone, webhook or otlp (DISPATCHER_SERVICE).");

    private readonly Option<string?> _env = Setting(
        "--env", "file", "File with settings, NAME=value a line (ENV); .env when it is there.");

    private readonly Option<string?> _apiKey = Setting(
        "--api-key", "key",
        "The service's key, or a webhook's signing key; - reads it from the input (LLM_PROXY_API_KEY).");

    private readonly (string Setting, Option<string?> Flag)[] _settings =
    [
        ("DISPATCHER_ENDPOINT", Setting(
            "--endpoint", "url|file", "The URL of the service, or the path of the file (DISPATCHER_ENDPOINT).")),
        ("DISPATCHER_BUFFER", Setting("--buffer", "events", "Events in hand at most (DISPATCHER_BUFFER).")),
        ("DISPATCHER_BATCH_SIZE", Setting(
            "--batch-size", "events", "Events delivered at once (DISPATCHER_BATCH_SIZE).")),
        ("DISPATCHER_ADDR", Setting(
            "--addr", "address", "Address on which /health and /metrics are answered (DISPATCHER_ADDR).")),
        ("LOG_LEVEL", Setting("--log-level", "level", "Least level that is logged (LOG_LEVEL).")),
        (LogFile, Setting("--log-file", "file", "File to append log lines to (LOG_FILE).")),
    ];

    private readonly Option<string?> _pidFile = Setting(
        "--pid-file", "file", "File with the number of the process; llm-proxy-dispatcher-SERVICE.pid when detached.");

    private readonly Option<bool> _detach = new("--detach")
    {
        Description = "Run in the background, and return when it works. 'llm-proxy dispatcher stop' ends it.",
    };

    private readonly Option<bool> _json = new("--json") { Description = "Print JSON." };

    public static Verb Create(Entrypoints entrypoints, Workplace place)
    {
        var command = new DispatcherCommand(entrypoints, place);
        var dispatcher = new Verb(
            "dispatcher",
            "Deliver events from the Redis stream to a service, until it is stopped. Nothing is acknowledged before "
            + "the service has accepted it.",
            "llm-proxy dispatcher --service file --endpoint events.jsonl",
            "LLM_PROXY_API_KEY=… llm-proxy dispatcher --service lunary --addr 127.0.0.1:8091 --detach")
        {
            command.CreateReplay(),
            command.CreateStatus(),
            command.CreateStop(),
            command._service,
            command._apiKey,
            command._env,
            command._pidFile,
            command._detach,
        };
        foreach (var (_, flag) in command._settings)
        {
            dispatcher.Add(flag);
        }

        dispatcher.SetAction(command.RunAsync);
        return dispatcher;
    }

    private static Option<string?> Setting(string name, string value, string description) =>
        new(name) { HelpName = value, Description = description };

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken stop)
    {
        if (parsed.GetValue(_detach))
        {
            return await DetachAsync(parsed, stop);
        }

        var background = Detachment.Leave();
        var pidFile = background?.Pid ?? parsed.GetValue(_pidFile);
        var flags = await FlagsAsync(parsed, stop);
        if (background is not null && (flags[LogFile] ?? place.Setting(LogFile)) is null)
        {
            flags[LogFile] = background.Log;
        }

        try
        {
            return await entrypoints.Dispatcher.Run(
                flags,
                address =>
                {
                    if (address is not null)
                    {
                        place.Terminal.Note($"Health and metrics: {address.GetLeftPart(UriPartial.Authority)}");
                    }

                    Detachment.SayItWorks(pidFile, background?.Log);
                },
                stop);
        }
        finally
        {
            Detachment.SayItEnds(pidFile);
        }
    }

    private async Task<int> DetachAsync(ParseResult parsed, CancellationToken stop)
    {
        var service = ServiceOf(parsed);
        var pidFile = place.PathOf(PidFileOf(parsed));
        var logFile = place.PathOf($"llm-proxy-dispatcher-{service}.log");
        List<string> arguments = ["dispatcher"];
        foreach (var option in parsed.CommandResult.Command.Options)
        {
            if (option != _detach && option != _apiKey && parsed.GetResult(option) is { Implicit: false } given)
            {
                arguments.Add(option.Name);
                arguments.AddRange(given.Tokens.Select(static token => token.Value));
            }
        }

        Dictionary<string, string> environment = new(StringComparer.Ordinal);
        if (await KeyAsync(parsed, stop) is { } key)
        {
            environment[ApiKey] = key;
        }

        var process = await Detachment.StartAsync(arguments, environment, pidFile, logFile, stop);
        place.Terminal.Print($"The dispatcher to {service} runs in the background as process {process}.");
        place.Terminal.Note($"Its log is {logFile}. End it with: llm-proxy dispatcher stop --pid-file {pidFile}");
        return ExitCode.Ok;
    }

    private Verb CreateReplay()
    {
        var replay = new Verb(
            "replay",
            "Put the dead letters of a service back, so that they are delivered to it again.",
            "llm-proxy dispatcher replay --service lunary")
        {
            _service, _env,
        };
        replay.SetAction(async (parsed, stop) =>
        {
            var report = await entrypoints.Dispatcher.Replay(await FlagsAsync(parsed, stop), stop);
            if (report is { IsWhole: false, Replayed: 0 })
            {
                throw new CommandFailure(ExitCode.Network, "Redis does not answer.");
            }

            place.Terminal.Print(string.Create(
                CultureInfo.InvariantCulture, $"{report.Replayed} events of {report.Group} are on their way again."));
            return report.IsWhole
                ? ExitCode.Ok
                : throw new CommandFailure(ExitCode.Network, "Redis went away before all were done; try again.");
        });
        return replay;
    }

    private Verb CreateStatus()
    {
        var status = new Verb(
            "status",
            "Show how far behind each service is, its dead letters, and which dispatchers run.",
            "llm-proxy dispatcher status --json")
        {
            _env, _json,
        };
        status.SetAction(async (parsed, stop) =>
        {
            var report = await entrypoints.Dispatcher.Look(await FlagsAsync(parsed, stop), stop)
                ?? throw new CommandFailure(ExitCode.Network, "Redis does not answer.");
            if (parsed.GetValue(_json))
            {
                Report.Json(place.Terminal, Describe(report));
            }
            else
            {
                Show(report);
            }

            return ExitCode.Ok;
        });
        return status;
    }

    private Verb CreateStop()
    {
        var stopping = new Verb(
            "stop",
            "End a dispatcher that runs in the background: it finishes the batch in hand and hands back the rest.",
            "llm-proxy dispatcher stop --service lunary")
        {
            _service, _env, _pidFile,
        };
        stopping.SetAction(async (parsed, stop) =>
        {
            var process = await Detachment.StopAsync(place.PathOf(PidFileOf(parsed)), stop);
            place.Terminal.Print($"The dispatcher, process {process}, has ended.");
            return ExitCode.Ok;
        });
        return stopping;
    }

    private string ServiceOf(ParseResult parsed) =>
        parsed.GetValue(_service) ?? place.Setting("DISPATCHER_SERVICE") ?? "file";

    private string PidFileOf(ParseResult parsed) =>
        parsed.GetValue(_pidFile) ?? $"llm-proxy-dispatcher-{ServiceOf(parsed)}.pid";

    /// <summary>A key may be a whole header, so more than a provider's key may stand in it.</summary>
    private async Task<string?> KeyAsync(ParseResult parsed, CancellationToken stop) =>
        parsed.GetValue(_apiKey) is not "-" and var key
            ? key
            : (await place.Terminal.ReadLineAsync(stop))?.Trim() ?? string.Empty;

    private async Task<Dictionary<string, string?>> FlagsAsync(ParseResult parsed, CancellationToken stop)
    {
        var flags = new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["DISPATCHER_SERVICE"] = parsed.GetValue(_service),
            [ApiKey] = await KeyAsync(parsed, stop),
            ["ENV"] = parsed.GetValue(_env),
        };
        foreach (var (setting, flag) in _settings)
        {
            flags[setting] = parsed.GetValue(flag);
        }

        return flags;
    }

    private void Show(DispatchReport report)
    {
        if (report.Groups.Count == 0)
        {
            place.Terminal.Note("No dispatcher has ever read this stream.");
            return;
        }

        Report.Table(
            place.Terminal, ["GROUP", "WAITING", "PENDING", "OLDEST", "DEAD", "TRIMMED UNREAD"],
            report.Groups.Select(static group => (IReadOnlyList<string>)[
                group.Group, Number(group.Waiting), Number(group.Pending), Age(group.OldestAge), Number(group.Dead),
                Number(group.TrimmedUnread)]));
        if (report.Dispatchers.Count > 0)
        {
            Report.Table(
                place.Terminal, ["DISPATCHER", "DELIVERED", "PER SECOND", "HEARD OF (UTC)", "FAULT"],
                report.Dispatchers.Select(static one => (IReadOnlyList<string>)[
                    one.Name, Number(one.Delivered), one.PerSecond.ToString("0.0", CultureInfo.InvariantCulture),
                    Report.Time(one.At), one.LastFault ?? "-"]));
        }
    }

    private static JsonElement Describe(DispatchReport report)
    {
        var json = new JsonObject
        {
            ["groups"] = new JsonArray([.. report.Groups.Select(static group => (JsonNode)new JsonObject
            {
                ["group"] = group.Group,
                ["waiting"] = group.Waiting,
                ["pending"] = group.Pending,
                ["oldest_seconds"] = Math.Round(group.OldestAge.TotalSeconds, 1),
                ["dead"] = group.Dead,
                ["trimmed_unread"] = group.TrimmedUnread,
            })]),
            ["dispatchers"] = new JsonArray([.. report.Dispatchers.Select(static one => (JsonNode)new JsonObject
            {
                ["name"] = one.Name,
                ["delivered"] = one.Delivered,
                ["per_second"] = one.PerSecond,
                ["last_fault"] = one.LastFault,
                ["at"] = one.At.ToString("O", CultureInfo.InvariantCulture),
            })]),
        };
        using var document = JsonDocument.Parse(json.ToJsonString());
        return document.RootElement.Clone();
    }

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Age(TimeSpan age) => age.TotalSeconds < 1 ? "-"
        : age.TotalMinutes < 1 ? $"{(int)age.TotalSeconds} s"
        : age.TotalHours < 1 ? $"{(int)age.TotalMinutes} min"
        : $"{(int)age.TotalHours} h";
}
