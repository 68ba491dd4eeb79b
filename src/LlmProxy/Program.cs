using LlmProxy;
using LlmProxy.Cli;
using LlmProxy.Settings;
using LlmProxy.Simulator;

// One executable, several commands; the command line knows none of them but through these.
return await CommandLine.InvokeAsync(args, new Entrypoints(
    Server.RunAsync, Server.StartAsync, StartSimulatorAsync,
    new DispatcherEntrypoints(
        DispatcherProcess.RunAsync, DispatcherProcess.ReplayAsync, DispatcherProcess.LookAsync)));

static async Task<RunningProgram> StartSimulatorAsync(string address, CancellationToken stop)
{
    try
    {
        var simulator = await SimulatorServer.StartAsync(ListenAddress.Parse(address)!.EndPoints[0], stop);
        return new RunningProgram(simulator.Address, simulator.Completion, simulator);
    }
    catch (IOException failure)
    {
        throw new StartFailure($"--addr: {failure.Message}");
    }
}
