using System.CommandLine;
using System.Globalization;
using System.Text;

namespace LlmProxy.Cli;

/// <summary><c>llm-proxy manage token explain</c>: what would become of a request, without sending it.</summary>
internal sealed class ExplainCommand(Workplace place, ManageOptions options, Argument<string> id)
{
    // More than the server takes, so that it is the server that says so.
    private const int BodyCharactersMax = 1024 * 1024;

    private readonly Terminal _terminal = place.Terminal;

    private readonly Option<string> _method = new("--method")
    {
        HelpName = "method",
        Description = "The request's method; POST when not given.",
        DefaultValueFactory = static _ => "POST",
    };

    private readonly Option<string> _path = new("--path")
    {
        HelpName = "path",
        Required = true,
        Description = "Its path, as a client would ask for it: /v1/chat/completions.",
    };

    private readonly Option<string[]> _headers = new("--header")
    {
        HelpName = "name: value",
        Arity = ArgumentArity.OneOrMore,
        Description = "One of its headers. Give it once for each.",
    };

    private readonly Option<string?> _body = new("--body") { HelpName = "text", Description = "Its body." };

    private readonly Option<string?> _bodyFile = new("--body-file")
    {
        HelpName = "file",
        Description = "The file that holds its body; - reads it from the input.",
    };

    public Verb Create()
    {
        var explain = new Verb(
            "explain",
            "Say whether a request would be let through, by which rule, and what remains. Nothing is sent or counted.",
            "llm-proxy manage token explain 019aa2f1-77aa-7d10-8b7e-3f9c5d2e1a40 --path /v1/models --method GET",
            "llm-proxy manage token explain 019aa2f1-77aa-7d10-8b7e-3f9c5d2e1a40 --path /v1/chat/completions "
            + "--body-file request.json")
        {
            id, _method, _path, _headers, _body, _bodyFile,
        };
        explain.SetAction(async (parsed, stop) =>
        {
            var question = new Question
            {
                Method = parsed.GetRequiredValue(_method),
                Path = parsed.GetRequiredValue(_path),
                Headers = HeadersOf(parsed.GetValue(_headers) ?? []),
                Body = await BodyOfAsync(parsed, stop),
            };
            var token = ManageOptions.Checked(parsed.GetRequiredValue(id));
            using var api = await options.ConnectAsync(parsed, stop);
            var answer = await api.PostAsync(
                $"manage/tokens/{token}/explain", question, CliJson.Default.Question, stop);
            if (options.WantsJson(parsed))
            {
                Report.Json(_terminal, answer);
            }
            else
            {
                Show(ApiView.Of(answer, CliJson.Default.Explanation));
            }

            return ExitCode.Ok;
        });
        return explain;
    }

    private void Show(Explanation explanation)
    {
        Report.Fields(
            _terminal,
            ("Verdict", explanation.Allowed ? "allowed" : $"refused with {explanation.Status} {explanation.Code}"),
            ("Rule", explanation.Rule ?? "-"),
            ("Message", explanation.Message ?? "-"),
            ("Needs", NeedsOf(explanation.Needs)));
        if (explanation.Limits is not { Count: > 0 } limits)
        {
            return;
        }

        _terminal.Print(string.Empty);
        Report.Table(
            _terminal,
            ["SCOPE", "LIMIT", "VALUE", "USED", "REMAINING", "RESETS IN"],
            limits.Select(static limit => (IReadOnlyList<string>)[
                limit.Scope, limit.Limit, limit.Value ?? "-", limit.Used ?? "-", limit.Remaining ?? "-",
                SecondsOf(limit.ResetsInSeconds)]));
    }

    private static string NeedsOf(ExplainedNeeds? needs)
    {
        string?[] parts =
        [
            needs?.Tokens is { } tokens ? string.Create(CultureInfo.InvariantCulture, $"{tokens} tokens") : null,
            needs?.CostUsd is { } cost ? LimitReport.Dollars(cost) : null,
        ];
        return string.Join(", ", parts.OfType<string>()) is { Length: > 0 } text ? text : "-";
    }

    private static string SecondsOf(double? seconds) =>
        seconds is { } some ? string.Create(CultureInfo.InvariantCulture, $"{some:0.#} s") : "-";

    private static Dictionary<string, string> HeadersOf(string[] lines)
    {
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var line in lines)
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon <= 0)
            {
                throw CommandFailure.Usage("--header must be 'Name: value'; a colon or the name is missing.");
            }

            if (!headers.TryAdd(line[..colon].Trim(), line[(colon + 1)..].Trim()))
            {
                throw CommandFailure.Usage($"--header names '{line[..colon].Trim()}' twice.");
            }
        }

        return headers;
    }

    private async Task<string?> BodyOfAsync(ParseResult parsed, CancellationToken stop)
    {
        var (body, file) = (parsed.GetValue(_body), parsed.GetValue(_bodyFile));
        switch (file)
        {
            case null:
                return body;
            case not null when body is not null:
                throw CommandFailure.Usage($"{_body.Name} does not go together with {_bodyFile.Name}.");
            case "-":
                return await _terminal.ReadAllAsync(BodyCharactersMax, stop) ?? throw TooLong();
        }

        try
        {
            using var reader = new StreamReader(place.PathOf(file), Encoding.UTF8);
            return await Terminal.ReadAllAsync(reader, BodyCharactersMax, stop) ?? throw TooLong();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw CommandFailure.Usage($"{file} cannot be read: {failure.Message}");
        }
    }

    private static CommandFailure TooLong() =>
        CommandFailure.Usage($"The body has more than {BodyCharactersMax} characters.");
}

/// <summary>A request, of which one wants to know what would become of it.</summary>
internal sealed class Question
{
    public required string Method { get; init; }

    public required string Path { get; init; }

    public required IReadOnlyDictionary<string, string> Headers { get; init; }

    public string? Body { get; init; }
}

/// <summary>What would become of a request.</summary>
internal sealed record Explanation
{
    public bool Allowed { get; init; }

    public int? Status { get; init; }

    public string? Code { get; init; }

    public string? Rule { get; init; }

    public string? Message { get; init; }

    public ExplainedNeeds? Needs { get; init; }

    public IReadOnlyList<ExplainedLimit>? Limits { get; init; }
}

/// <summary>What a request would take.</summary>
internal sealed record ExplainedNeeds(long? Tokens, string? CostUsd);

/// <summary>One limit that a request is held against.</summary>
internal sealed record ExplainedLimit(
    string Scope, string Limit, string? Value, string? Used, string? Remaining, double? ResetsInSeconds);
