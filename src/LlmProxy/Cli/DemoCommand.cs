using System.CommandLine;
using System.Security.Cryptography;
using LlmProxy.Settings;

namespace LlmProxy.Cli;

/// <summary>
/// <c>llm-proxy demo</c>: the proxy before the embedded provider, on this machine only, with a token that works. It
/// leaves nothing behind.
/// </summary>
internal static class DemoCommand
{
    private const string AddressByDefault = "127.0.0.1:8080";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static Verb Create(Entrypoints entrypoints, Workplace place)
    {
        var address = new Option<string?>("--addr")
        {
            HelpName = "address",
            Description = $"Address to listen on; {AddressByDefault} when not given, a free port if that is taken.",
            CustomParser = OptionForms.Address,
        };
        var demo = new Verb(
            "demo",
            "Try it: proxy and simulated provider on this machine, with a project and a token made, until Ctrl-C.",
            "llm-proxy demo",
            "llm-proxy demo --addr 127.0.0.1:9000")
        {
            address,
        };
        demo.SetAction((parsed, stop) => RunAsync(entrypoints, place.Terminal, parsed.GetValue(address), stop));
        return demo;
    }

    private static async Task<int> RunAsync(
        Entrypoints entrypoints, Terminal terminal, string? address, CancellationToken stop)
    {
        // Only its owner may enter a folder made like this.
        var folder = Directory.CreateTempSubdirectory("llm-proxy-demo-");
        try
        {
            await using var simulator = await entrypoints.StartSimulator("127.0.0.1:0", stop);
            var managementToken = RandomNumberGenerator.GetHexString(64, lowercase: true);
            var settings = Path.Combine(folder.FullName, ".env");
            await File.WriteAllTextAsync(settings, string.Empty, stop);
            var flags = new Dictionary<string, string?>(StringComparer.Ordinal)
            {
                ["LISTEN_ADDR"] = address ?? AddressByDefault,
                ["DATABASE_PATH"] = Path.Combine(folder.FullName, "demo.db"),
                // An empty file, so that one in the working directory has no say.
                ["ENV"] = settings,
                ["MANAGEMENT_TOKEN"] = managementToken,
                ["DRAIN_DELAY"] = "0s",
                ["ENCRYPTION_KEY"] = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)),
                ["OPENAI_API_URL"] = simulator.Address.GetLeftPart(UriPartial.Authority),
                ["LOG_LEVEL"] = "warn",
            };
            var isAnyPortFine = address is null;
            await using var server = await StartAsync(entrypoints, terminal, flags, isAnyPortFine, stop);
            var token = await MakeTokenAsync(server.Address, managementToken, stop);
            terminal.Print(Welcome(server.Address.GetLeftPart(UriPartial.Authority), token, managementToken));
            await Task.WhenAny(server.WaitAsync(stop), simulator.WaitAsync(stop));
            return ExitCode.Ok;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return ExitCode.Ok;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task<RunningProgram> StartAsync(
        Entrypoints entrypoints,
        Terminal terminal,
        Dictionary<string, string?> flags,
        bool isAnyPortFine,
        CancellationToken stop)
    {
        try
        {
            return await entrypoints.StartServer(flags, stop);
        }
        catch (StartFailure failure)
            when (isAnyPortFine && failure.Message.StartsWith("LISTEN_ADDR", StringComparison.Ordinal))
        {
            terminal.Note($"{flags["LISTEN_ADDR"]} is taken; the demo uses a free port instead.");
            flags["LISTEN_ADDR"] = "127.0.0.1:0";
            return await entrypoints.StartServer(flags, stop);
        }
    }

    private static async Task<string> MakeTokenAsync(Uri server, string managementToken, CancellationToken stop)
    {
        using var api = new ApiClient(server, managementToken, Patience);
        var project = await FirstSteps.MakeProjectAsync(api, "demo", "sk-simulated-provider-key", stop);
        var token = await FirstSteps.MakeTokenAsync(api, project.Id, TimeSpan.FromHours(24), stop);
        return token.Token ?? throw new CommandFailure(ExitCode.Network, "The server made a token without a secret.");
    }

    private static string Welcome(string server, string token, string managementToken) =>
        $$"""
        llm-proxy listens on {{server}}, before a simulated provider. Nothing leaves this machine.

        Ask it something:

          curl -sS {{server}}/v1/chat/completions \
            -H "Authorization: Bearer {{token}}" \
            -H "Content-Type: application/json" \
            -d '{"model":"gpt-4.1-mini","messages":[{"role":"user","content":"Hello!"}]}'

        The same, streamed:

          curl -sSN {{server}}/v1/chat/completions \
            -H "Authorization: Bearer {{token}}" \
            -H "Content-Type: application/json" \
            -d '{"model":"gpt-4.1-mini","stream":true,"messages":[{"role":"user","content":"Hello!"}]}'

        Any OpenAI SDK:

          export OPENAI_BASE_URL={{server}}/v1
          export OPENAI_API_KEY={{token}}

        A chat in the terminal:

          llm-proxy openai chat --proxy {{server}} --token {{token}}

        Manage projects and tokens (the API is described at {{server}}/docs):

          export MANAGEMENT_API_BASE_URL={{server}}
          export MANAGEMENT_TOKEN={{managementToken}}
          llm-proxy manage project list
          llm-proxy manage token list

        Press Ctrl-C to end the demo; its database is deleted then.
        """;
}
