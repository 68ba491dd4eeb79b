using System.Text.Json;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Events;

/// <summary>What a dispatcher is started with.</summary>
internal sealed record DispatcherSetup(string Service, string Endpoint)
{
    /// <summary>The webhook's signing key; other services take any.</summary>
    public const string Key = "signing-key-of-the-suite-0123456789";

    /// <summary>Further flags.</summary>
    public IReadOnlyList<string> Flags { get; init; } = [];

    /// <summary>Settings as environment variables, over the fixture's own.</summary>
    public IReadOnlyList<(string Name, string Value)> Settings { get; init; } = [];
}

/// <summary>A running <c>llm-proxy dispatcher</c> on a <see cref="RedisProcess"/>.</summary>
internal sealed class DispatcherProcess : IAsyncDisposable
{
    private DispatcherProcess(ChildProcess process) => Process = process;

    public ChildProcess Process { get; }

    /// <summary>Everything it logged so far.</summary>
    public string Log => Process.Errors;

    /// <summary>Starts one and does not wait for it.</summary>
    public static DispatcherProcess Begin(RedisProcess redis, TempFolder folder, DispatcherSetup setup) => new(
        Executable.Start(
            folder.Path, EnvironmentOf(redis, setup.Settings),
            ["dispatcher", "--service", setup.Service, "--endpoint", setup.Endpoint, .. setup.Flags]));

    /// <summary>Starts one and returns when it delivers.</summary>
    public static async Task<DispatcherProcess> StartAsync(
        RedisProcess redis, TempFolder folder, DispatcherSetup setup)
    {
        var dispatcher = Begin(redis, folder, setup);
        await Eventually.HoldsAsync(
            () => dispatcher.Log.Contains("dispatching events", StringComparison.Ordinal)
                || dispatcher.Process.HasExited,
            "the dispatcher said that it works");
        return dispatcher;
    }

    /// <summary>Runs one of the verbs beside it to its end.</summary>
    public static Task<CommandResult> RunAsync(
        RedisProcess redis, TempFolder folder, params IEnumerable<string> arguments) =>
        Executable.RunAsync(folder.Path, EnvironmentOf(redis, []), string.Empty, ["dispatcher", .. arguments]);

    /// <summary>What <c>dispatcher status --json</c> says.</summary>
    public static async Task<JsonElement> StatusAsync(RedisProcess redis, TempFolder folder)
    {
        var result = await RunAsync(redis, folder, "status", "--json");
        Assert.True(result.ExitCode == 0, $"status ended with {result.ExitCode}: {result.Errors}");
        using var document = JsonDocument.Parse(result.Output);
        return document.RootElement.Clone();
    }

    /// <summary>How a group stands: what waits, is pending, and is dead; null when there is no such group.</summary>
    public static async Task<GroupState?> StateAsync(RedisProcess redis, TempFolder folder, string service)
    {
        var status = await StatusAsync(redis, folder);
        var group = status.GetProperty("groups").EnumerateArray()
            .FirstOrDefault(group => group.GetProperty("group").GetString() == $"llm-proxy-{service}");
        return group.ValueKind == JsonValueKind.Undefined
            ? null
            : new GroupState(
                group.GetProperty("waiting").GetInt64(), group.GetProperty("pending").GetInt64(),
                group.GetProperty("dead").GetInt64(), group.GetProperty("trimmed_unread").GetInt64());
    }

    /// <summary>Waits until the service has everything.</summary>
    public static Task LagEndsAsync(RedisProcess redis, TempFolder folder, string service, TimeSpan within) =>
        Eventually.AnswersAsync(
            () => StateAsync(redis, folder, service), static state => state?.Lag == 0,
            $"the lag of {service} came to 0", within);

    /// <summary>SIGTERM, then the end.</summary>
    public async Task<CommandResult> StopAsync()
    {
        await Process.TerminateAsync();
        return await Process.EndAsync();
    }

    public ValueTask DisposeAsync() => Process.DisposeAsync();

    private static IEnumerable<(string Name, string Value)> EnvironmentOf(
        RedisProcess redis, IReadOnlyList<(string Name, string Value)> settings) =>
    [
        ("REDIS_URL", redis.Url), ("REDIS_STREAM_CLAIM_TIME", "1s"), ("LLM_PROXY_API_KEY", DispatcherSetup.Key),
        .. settings,
    ];
}

/// <summary>How far behind a service is.</summary>
internal sealed record GroupState(long Waiting, long Pending, long Dead, long TrimmedUnread)
{
    public long Lag => Waiting + Pending;
}
