using System.CommandLine;
using System.Net;
using LlmProxy.Settings;

namespace LlmProxy.Cli;

/// <summary>
/// <c>llm-proxy health</c>: asks a running server, or a dispatcher, whether it is well. For supervisors where there is
/// no shell and no curl, as in the container image.
/// </summary>
internal static class HealthCommand
{
    private const string Listen = "LISTEN_ADDR";
    private const string ListenDefault = ":8080";
    private const string Path = "health";

    /// <summary>For the whole answer; a supervisor's own limit should be above it.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    public static Verb Create(Workplace place)
    {
        var url = new Option<string?>("--url")
        {
            HelpName = "url",
            Description = "Where to ask, with or without /health; when not given, this machine (LISTEN_ADDR).",
        };
        var health = new Verb(
            "health",
            "Ask a running server, or dispatcher, whether it is well, and wait for two seconds. The exit code is the "
            + "answer.",
            "llm-proxy health",
            "llm-proxy health --url http://127.0.0.1:8091/health")
        {
            url,
        };
        health.SetAction((parsed, stop) => RunAsync(
            parsed.GetValue(url) is { } given ? ServerAddress.Parse(given, $"/{Path}", url.Name) : OwnAddress(place),
            place.Terminal, stop));
        return health;
    }

    private static async Task<int> RunAsync(Uri server, Terminal terminal, CancellationToken stop)
    {
        var name = server.GetLeftPart(UriPartial.Authority);
        using var client = new ApiClient(server, credential: null, Timeout.InfiniteTimeSpan);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(stop);
        deadline.CancelAfter(Patience);
        try
        {
            using var answer = await client.OpenAsync(HttpMethod.Get, Path, null, deadline.Token);
            if (answer.StatusCode != HttpStatusCode.OK)
            {
                throw new CommandFailure(
                    ExitCode.Refused, $"{name} answered {(int)answer.StatusCode} where 200 was expected.");
            }
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            throw new CommandFailure(
                ExitCode.Network, $"{name} did not answer within {Patience.TotalSeconds:0} seconds.");
        }

        terminal.Print($"{name} is well.");
        return ExitCode.Ok;
    }

    /// <summary>Where a server with this environment listens, as one reaches it from the same machine.</summary>
    private static Uri OwnAddress(Workplace place)
    {
        var setting = place.Setting(Listen) ?? ListenDefault;
        var listen = ListenAddress.Parse(setting)
            ?? throw CommandFailure.Usage($"{Listen} must be {ListenAddress.Expected}, not '{setting}'.");
        var end = listen.EndPoints[0];
        if (end.Port == 0)
        {
            throw CommandFailure.Usage($"{Listen} lets the system choose the port: say with --url where to ask.");
        }

        var isEvery = end.Address.Equals(IPAddress.Any) || end.Address.Equals(IPAddress.IPv6Any);
        return new Uri($"http://{(isEvery ? new IPEndPoint(IPAddress.Loopback, end.Port) : end)}/");
    }
}
