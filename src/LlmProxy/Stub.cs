#pragma warning disable
using LlmProxy.Settings;
namespace LlmProxy.Cli { internal sealed record Entrypoints(Func<IReadOnlyDictionary<string,string?>, CancellationToken, Task<int>> RunServer, Func<IReadOnlyDictionary<string,string?>, CancellationToken, Task<RunningProgram>> StartServer, Func<string, CancellationToken, Task<RunningProgram>> StartSimulator);
 internal sealed class RunningProgram(Uri address, Task completion, IAsyncDisposable owner) : IAsyncDisposable { public Uri Address => address; public Task Completion => completion; public ValueTask DisposeAsync() => owner.DisposeAsync(); }
 internal static class CommandLine { public static async Task<int> InvokeAsync(string[] a, Entrypoints e) { if (a is ["simulator", ..]) { var r = await e.StartSimulator("127.0.0.1:9900", default); await r.Completion; return 0; } return await e.RunServer(new Dictionary<string,string?>(), default); } } }
namespace LlmProxy.Simulator { internal static class SimulatorProgram { public static async Task<LlmProxy.Cli.RunningProgram> StartAsync(string a, CancellationToken c) { var s = await SimulatorServer.StartAsync(System.Net.IPEndPoint.Parse(a), c); return new(s.Address, s.Completion, s); } } }
