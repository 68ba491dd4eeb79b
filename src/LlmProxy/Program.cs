using LlmProxy;
using LlmProxy.Cli;
using LlmProxy.Simulator;

// One executable, several commands; the command line knows none of them but through these three.
return await CommandLine.InvokeAsync(args, new Entrypoints(Server.RunAsync, Server.StartAsync, SimulatorProgram.StartAsync));
