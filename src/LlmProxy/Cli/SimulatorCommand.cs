using System.CommandLine;
using System.Net;
using LlmProxy.Settings;

namespace LlmProxy.Cli;

/// <summary><c>llm-proxy simulator</c>: a free upstream to test against.</summary>
internal static class SimulatorCommand
{
    public static Verb Create(Entrypoints entrypoints, Workplace place)
    {
        var address = new Option<string>("--addr")
        {
            HelpName = "address",
            Description = "Address to listen on. Any but this machine's own lets others in, without protection.",
            DefaultValueFactory = static _ => "127.0.0.1:8090",
            CustomParser = OptionForms.Address,
        };
        var simulator = new Verb(
            "simulator",
            "Run the embedded provider: an OpenAI-compatible upstream that costs nothing and always answers alike.",
            "llm-proxy simulator",
            "llm-proxy simulator --addr 127.0.0.1:9090",
            "OPENAI_API_URL=http://127.0.0.1:8090 llm-proxy server")
        {
            address,
        };
        simulator.SetAction((parsed, stop) =>
            RunAsync(entrypoints, place.Terminal, parsed.GetRequiredValue(address), stop));
        return simulator;
    }

    private static async Task<int> RunAsync(
        Entrypoints entrypoints, Terminal terminal, string address, CancellationToken stop)
    {
        await using var simulator = await entrypoints.StartSimulator(address, stop);
        terminal.Print($"The simulator listens on {simulator.Address.GetLeftPart(UriPartial.Authority)}");
        if (!ListenAddress.Parse(address)!.EndPoints.All(static end => IPAddress.IsLoopback(end.Address)))
        {
            terminal.Note("It can be reached from other machines and accepts every credential.");
        }

        terminal.Note("Press Ctrl-C to end it.");
        await simulator.WaitAsync(stop);
        return ExitCode.Ok;
    }
}
