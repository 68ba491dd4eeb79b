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

    /// <summary>What it would charge for everything since it began.</summary>
    public async Task<SimulatorBill> BillAsync()
    {
        await using var client = await RawClient.ConnectAsync(Address);
        await client.SendAsync("GET /v1/simulator/bill HTTP/1.1\r\nHost: s\r\n\r\n");
        var answer = await client.ReadAnswerAsync();
        return SimulatorBill.Parse(answer!.Body.Text);
    }

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
