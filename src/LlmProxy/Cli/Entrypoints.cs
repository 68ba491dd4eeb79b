namespace LlmProxy.Cli;

/// <summary>What the command line can start. It is given these three, so that it knows no feature.</summary>
/// <param name="RunServer">Runs the server with flags (setting to value) until it is stopped; the exit code.</param>
/// <param name="StartServer">Starts the server in this process and returns once requests are answered.</param>
/// <param name="StartSimulator">Starts the embedded provider on a listen address.</param>
internal sealed record Entrypoints(
    Func<IReadOnlyDictionary<string, string?>, CancellationToken, Task<int>> RunServer,
    Func<IReadOnlyDictionary<string, string?>, CancellationToken, Task<RunningProgram>> StartServer,
    Func<string, CancellationToken, Task<RunningProgram>> StartSimulator);

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
