namespace LlmProxy.Cli;

/// <summary>What the command line can start. It is given these, so that it knows no feature.</summary>
/// <param name="RunServer">Runs the server with flags (setting to value) until it is stopped; the exit code.</param>
/// <param name="StartServer">Starts the server in this process and returns once requests are answered.</param>
/// <param name="StartSimulator">Starts the embedded provider on a listen address.</param>
/// <param name="Dispatcher">What delivers events.</param>
internal sealed record Entrypoints(
    Func<IReadOnlyDictionary<string, string?>, CancellationToken, Task<int>> RunServer,
    Func<IReadOnlyDictionary<string, string?>, CancellationToken, Task<RunningProgram>> StartServer,
    Func<string, CancellationToken, Task<RunningProgram>> StartSimulator,
    DispatcherEntrypoints Dispatcher);

/// <summary>What the command line can do with dispatchers. Each is given flags: setting to value.</summary>
/// <param name="Run">
/// Runs one until it is stopped; the exit code. Tells when it delivers, and where health and metrics are answered.
/// </param>
/// <param name="Replay">Puts dead letters back.</param>
/// <param name="Look">How far behind they are; null when Redis is away.</param>
internal sealed record DispatcherEntrypoints(
    Func<IReadOnlyDictionary<string, string?>, Action<Uri?>, CancellationToken, Task<int>> Run,
    Func<IReadOnlyDictionary<string, string?>, CancellationToken, Task<ReplayReport>> Replay,
    Func<IReadOnlyDictionary<string, string?>, CancellationToken, Task<DispatchReport?>> Look);

/// <summary>What became of dead letters.</summary>
/// <param name="Group">Whose they were.</param>
/// <param name="Replayed">How many are on their way again.</param>
/// <param name="IsWhole">None is left; false when Redis went away.</param>
internal sealed record ReplayReport(string Group, long Replayed, bool IsWhole);

/// <summary>How delivery stands.</summary>
internal sealed record DispatchReport(
    IReadOnlyList<GroupReport> Groups, IReadOnlyList<DispatcherReport> Dispatchers);

/// <summary>How far behind the dispatchers of one service are.</summary>
/// <param name="Group">Their consumer group.</param>
/// <param name="Waiting">Events that nobody has taken yet.</param>
/// <param name="Pending">Events that were taken and not acknowledged.</param>
/// <param name="OldestAge">How old the oldest of both is.</param>
/// <param name="Dead">Dead letters.</param>
/// <param name="TrimmedUnread">Events that the stream has dropped before they were taken.</param>
internal sealed record GroupReport(
    string Group, long Waiting, long Pending, TimeSpan OldestAge, long Dead, long TrimmedUnread);

/// <summary>What a running dispatcher has said of itself.</summary>
/// <param name="Name">Service and consumer.</param>
/// <param name="Delivered">Events that its sink has accepted since it was started.</param>
/// <param name="PerSecond">How many a second, lately.</param>
/// <param name="LastFault">Why its sink takes nothing; null while it does.</param>
/// <param name="At">When it said so.</param>
internal sealed record DispatcherReport(
    string Name, long Delivered, double PerSecond, string? LastFault, DateTimeOffset At);

/// <summary>Something that listens in this process. Disposing it ends it.</summary>
internal sealed class RunningProgram(Uri address, Task completion, IAsyncDisposable owner) : IAsyncDisposable
{
    /// <summary>Where it is reached, with the port that the system chose when 0 was asked for.</summary>
    public Uri Address => address;

    /// <summary>Ends when it has stopped, for whatever reason.</summary>
    public Task Completion => completion;

    /// <summary>Returns when it has stopped by itself or <paramref name="stop"/> asks for it.</summary>
    public async Task WaitAsync(CancellationToken stop)
    {
        try
        {
            await completion.WaitAsync(stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
        }
    }

    public ValueTask DisposeAsync() => owner.DisposeAsync();
}
