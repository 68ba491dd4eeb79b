using System.CommandLine;
using System.Text;
using System.Text.Json;

namespace LlmProxy.Cli.Benchmark;

/// <summary><c>llm-proxy benchmark</c>: asks a server again and again and says how long it took.</summary>
internal sealed class BenchmarkCommand(Workplace place)
{
    private const string ChatEndpoint = "/v1/chat/completions";
    private const string ModelByDefault = "gpt-4.1-mini";
    private const string PromptByDefault = "Say hello.";
    private const long RequestsByDefault = 100;
    private const int ConcurrencyByDefault = 10;
    private const int OpenConcurrencyByDefault = 256;
    private const int BodyBytesMax = 32 * 1024 * 1024;
    private static readonly TimeSpan PatienceByDefault = TimeSpan.FromSeconds(30);

    private readonly Option<string?> _server = new("--base-url", "--proxy")
    {
        HelpName = "url",
        Description = "Where the server is, with or without /v1 (PROXY_URL); http://localhost:8080 when not given.",
    };
    private readonly Option<string> _endpoint = new("--endpoint")
    {
        HelpName = "path",
        Description = "What is asked for, with its query.",
        DefaultValueFactory = static _ => ChatEndpoint,
    };
    private readonly Option<string?> _token = new("--token")
    {
        HelpName = "token",
        Description = "The withering token (PROXY_TOKEN, also from ./.env); - reads it from the input.",
    };
    private readonly Option<long?> _requests = new("--requests", "-r")
    {
        HelpName = "count",
        Description = "How many requests; 100 when neither this nor --duration is given.",
        CustomParser = BenchmarkForms.Requests,
    };
    private readonly Option<TimeSpan?> _duration = new("--duration")
    {
        HelpName = "time",
        Description = "For how long requests are begun, such as 30s or 5m; with --requests, what comes first ends it.",
        CustomParser = BenchmarkForms.Duration,
    };
    private readonly Option<int?> _concurrency = new("--concurrency", "-c")
    {
        HelpName = "count",
        Description = "Most requests, and connections, that are open at once; 10 when not given, with --rate 256.",
        CustomParser = BenchmarkForms.Concurrency,
    };
    private readonly Option<double?> _rate = new("--rate")
    {
        HelpName = "per second",
        Description = "Open loop: so many requests a second, whether answers keep up or not. Without it, closed loop: "
            + "each answer makes room for the next request.",
        CustomParser = BenchmarkForms.Rate,
    };
    private readonly Option<Warmup?> _warmup = new("--warmup")
    {
        HelpName = "count|time",
        Description = "So many requests, or so long (5s), are not measured before the rest is.",
        CustomParser = BenchmarkForms.Warmup,
    };
    private readonly Option<bool> _stream = new("--stream")
    {
        Description = "Ask for a stream, and measure the time to the first token and between chunks.",
    };
    private readonly Option<string?> _model = new("--model")
    {
        HelpName = "name",
        Description = $"The model of the built-in chat request; {ModelByDefault} when not given.",
    };
    private readonly Option<string?> _prompt = new("--prompt")
    {
        HelpName = "text",
        Description = $"Its message; '{PromptByDefault}' when not given.",
    };
    private readonly Option<string?> _body = new("--body")
    {
        HelpName = "file",
        Description = "The file that holds the body, in place of the chat request; - reads it from the input. What "
            + "begins with { or [ is the body itself.",
    };
    private readonly Option<string> _method = new("--method")
    {
        HelpName = "method",
        Description = "The request's method.",
        DefaultValueFactory = static _ => "POST",
    };
    private readonly Option<string[]> _headers = new("--header")
    {
        HelpName = "name: value",
        Arity = ArgumentArity.OneOrMore,
        Description = "One more header. Give it once for each.",
    };
    private readonly Option<TimeSpan?> _timeout = new("--timeout")
    {
        HelpName = "time",
        Description = "How long after it was due a request may take to the end of its answer; 30s when not given.",
        CustomParser = BenchmarkForms.Patience,
    };
    private readonly Option<double?> _maxFailures = new("--max-failures")
    {
        HelpName = "percent",
        Description = "How many requests may fail without an exit code that says so; 0 when not given.",
        CustomParser = BenchmarkForms.Percent,
    };
    private readonly Option<bool> _json = new("--json")
    {
        Description = "Print the result as JSON.",
    };

    public static Verb Create(Workplace place)
    {
        var command = new BenchmarkCommand(place);
        var benchmark = new Verb(
            "benchmark",
            "Measure a proxy or a provider: latency percentiles, time to the first token, requests a second, failures. "
            + "What it sends is real, and a real provider charges for it.",
            "PROXY_TOKEN=llmp_… llm-proxy benchmark --requests 1000 --concurrency 32",
            "llm-proxy benchmark --rate 50 --duration 30s --warmup 5s --stream --json > result.json",
            "llm-proxy benchmark --base-url http://127.0.0.1:8090 --token any --endpoint /v1/models --method GET",
            "llm-proxy benchmark --endpoint /v1/embeddings --body embedding.json --max-failures 1%")
        {
            command._server, command._endpoint, command._token, command._requests, command._duration,
            command._concurrency, command._rate, command._warmup, command._stream, command._model, command._prompt,
            command._body, command._method, command._headers, command._timeout, command._maxFailures, command._json,
        };
        benchmark.SetAction(command.RunAsync);
        return benchmark;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken stop)
    {
        var shape = ShapeOf(parsed);
        var request = await RequestOfAsync(parsed, stop);
        using var client = new BenchmarkClient(request, shape, place.Clock);
        if (parsed.GetValue(_warmup) is { } warmup && warmup.Requests != 0)
        {
            var rehearsal = shape with { RequestsMax = warmup.Requests, Duration = warmup.Duration };
            await LoadAsync(client, rehearsal, new Tally(place.Clock), "Warming up", stop);
        }

        var tally = new Tally(place.Clock);
        var elapsed = await LoadAsync(client, shape, tally, "Measuring", stop);
        var report = tally.Report(request, shape, elapsed, stop.IsCancellationRequested);
        if (parsed.GetValue(_json))
        {
            place.Terminal.Print(JsonSerializer.Serialize(report, BenchmarkJson.Default.BenchmarkReport));
        }
        else
        {
            BenchmarkView.Show(place.Terminal, report);
        }

        return BenchmarkVerdict.ExitCodeOf(report, parsed.GetValue(_maxFailures) ?? 0);
    }

    private async Task<TimeSpan> LoadAsync(
        BenchmarkClient client, LoadShape shape, Tally tally, string title, CancellationToken stop)
    {
        var load = new LoadRun(
            shape, (dueAt, token) => client.AskAsync(dueAt, tally, token), tally, place.Clock, PreciseSleep.For);
        var running = load.RunAsync(stop);
        await place.Terminal.WatchAsync(
            running, () => (load.Share, $"{title}: {tally.Finished} requests, {tally.Failed} failed"));
        return await running;
    }

    private LoadShape ShapeOf(ParseResult parsed)
    {
        var (requests, duration) = (parsed.GetValue(_requests), parsed.GetValue(_duration));
        var rate = parsed.GetValue(_rate);
        return new LoadShape(
            parsed.GetValue(_concurrency) ?? (rate is null ? ConcurrencyByDefault : OpenConcurrencyByDefault),
            rate,
            requests ?? (duration is null ? RequestsByDefault : null),
            duration,
            parsed.GetValue(_timeout) ?? PatienceByDefault);
    }

    private async Task<BenchmarkRequest> RequestOfAsync(ParseResult parsed, CancellationToken stop)
    {
        var target = TargetOf(parsed);
        var method = MethodOf(parsed);
        if (parsed.GetValue(_token) == "-" && parsed.GetValue(_body) == "-")
        {
            throw CommandFailure.Usage("--token and --body cannot both come from the input.");
        }

        var token = await Credential.ReadAsync(parsed.GetValue(_token), _token, place.Terminal, stop);
        var streams = parsed.GetValue(_stream);
        var body = await BodyOfAsync(parsed, method, streams, stop);
        var request = new BenchmarkRequest(method, target, body, streams);
        foreach (var line in parsed.GetValue(_headers) ?? [])
        {
            request.Add(line);
        }

        if (request.IsAuthorized)
        {
            return token is null
                ? request
                : throw CommandFailure.Usage("--token does not go together with a --header that is a credential.");
        }

        token ??= place.Setting("PROXY_TOKEN") is { } setting
            ? Credential.Check(setting, "PROXY_TOKEN")
            : throw CommandFailure.Usage("The token is missing: give --token or set PROXY_TOKEN.");
        request.Authorize(token);
        return request;
    }

    private Uri TargetOf(ParseResult parsed)
    {
        var server = parsed.GetValue(_server) is { } flag
            ? ServerAddress.Parse(flag, "/v1", _server.Name)
            : ServerAddress.Parse(place.Setting("PROXY_URL") ?? "http://localhost:8080", "/v1", "PROXY_URL");
        var endpoint = parsed.GetRequiredValue(_endpoint);
        if (endpoint is not (['/'] or ['/', not '/', ..]) || endpoint.AsSpan().ContainsAnyExceptInRange('!', '~')
            || endpoint.Contains('#', StringComparison.Ordinal))
        {
            throw CommandFailure.Usage($"--endpoint must be a path such as {ChatEndpoint}, not '{endpoint}'.");
        }

        // Joined as text: a path that looks like an address must not lead to another server.
        return new Uri(server.AbsoluteUri + endpoint[1..]);
    }

    private HttpMethod MethodOf(ParseResult parsed)
    {
        var text = parsed.GetRequiredValue(_method).ToUpperInvariant();
        return text.Length is > 0 and <= 20 && text.All(char.IsAsciiLetterUpper) && text != "CONNECT"
            ? new HttpMethod(text)
            : throw CommandFailure.Usage($"--method must be a method such as GET or POST, not '{text}'.");
    }

    private async Task<byte[]?> BodyOfAsync(
        ParseResult parsed, HttpMethod method, bool streams, CancellationToken stop)
    {
        var (model, prompt) = (parsed.GetValue(_model), parsed.GetValue(_prompt));
        if (parsed.GetValue(_body) is { } source)
        {
            return model is null && prompt is null
                ? await ReadBodyAsync(source, stop)
                : throw CommandFailure.Usage("--model and --prompt do not go together with --body, which says it all.");
        }

        var isChat = parsed.GetRequiredValue(_endpoint).Split('?')[0] == ChatEndpoint && method == HttpMethod.Post;
        if (!isChat && (model ?? prompt) is not null)
        {
            throw CommandFailure.Usage($"--model and --prompt are for a POST to {ChatEndpoint}; give --body.");
        }

        return isChat ? BenchmarkRequest.ChatBody(model ?? ModelByDefault, prompt ?? PromptByDefault, streams)
            : method != HttpMethod.Post ? null
            : throw CommandFailure.Usage("A POST to this --endpoint needs a --body.");
    }

    private async Task<byte[]> ReadBodyAsync(string source, CancellationToken stop)
    {
        if (source is ['{' or '[', ..])
        {
            return Encoding.UTF8.GetBytes(source);
        }

        if (source == "-")
        {
            return await place.Terminal.ReadAllAsync(BodyBytesMax, stop) is { } text
                ? Encoding.UTF8.GetBytes(text)
                : throw TooLong();
        }

        try
        {
            var path = place.PathOf(source);
            return new FileInfo(path).Length <= BodyBytesMax
                ? await File.ReadAllBytesAsync(path, stop)
                : throw TooLong();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw CommandFailure.Usage($"--body: {source} cannot be read: {failure.Message}");
        }
    }

    private static CommandFailure TooLong() =>
        CommandFailure.Usage($"The body has more than {BodyBytesMax / 1024 / 1024} MiB.");
}
