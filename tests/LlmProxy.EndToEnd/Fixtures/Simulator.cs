namespace LlmProxy.EndToEnd.Fixtures;

/// <summary>The binary's own provider, <c>llm-proxy simulator</c>, in a process of its own.</summary>
internal sealed class Simulator : IAsyncDisposable
{
    private readonly ChildProcess _process;

    private Simulator(ChildProcess process, Uri address)
    {
        _process = process;
        Address = address;
    }

    public Uri Address { get; }

    public static async Task<Simulator> StartAsync(TempFolder folder)
    {
        var process = Executable.Start(
            folder.Path, [], "simulator", "--addr", "127.0.0.1:0");
        try
        {
            return new Simulator(process, await process.ListeningAsync(() => Task.FromResult(process.Output)));
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();
}
