using System.Globalization;
using LlmProxy.Cli;
using LlmProxy.Settings;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LlmProxy.Tests.Cli;

/// <summary>What a command left behind.</summary>
internal sealed record Outcome(int ExitCode, string Output, string Errors)
{
    /// <summary>The results, once it is sure that the command succeeded.</summary>
    public string Succeeded()
    {
        Assert.True(ExitCode == 0, $"exit code {ExitCode}: {Errors}");
        return Output;
    }
}

/// <summary>Runs commands in this process, each with a folder, variables and an input of its own.</summary>
internal sealed class Shell : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("llm-proxy-cli-");

    public string Folder => _folder.FullName;

    public Dictionary<string, string> Variables { get; } = new(StringComparer.Ordinal);

    /// <summary>What is typed, or comes through the pipe.</summary>
    public string Input { get; set; } = string.Empty;

    public bool InputIsTerminal { get; set; }

    public bool OutputIsTerminal { get; set; }

    public Queue<KeyPress>? Keys { get; set; }

    /// <summary>Noon of a day in January, and it stays that; what takes its time needs one that goes on.</summary>
    public TimeProvider Clock { get; init; } =
        new FakeTimeProvider(new DateTimeOffset(2026, 1, 2, 12, 0, 0, TimeSpan.Zero));

    /// <summary>The flags with which the server was started, most recent last.</summary>
    public List<IReadOnlyDictionary<string, string?>> ServerFlags { get; } = [];

    public List<string> SimulatorAddresses { get; } = [];

    public Func<Task<RunningProgram>> StartServer { get; set; } = static () => throw new StartFailure("No server.");

    public Func<Task<RunningProgram>> StartSimulator { get; set; } = static () => throw new StartFailure("No such.");

    public Task<Outcome> RunAsync(params string[] arguments) =>
        RunAsync(TestContext.Current.CancellationToken, arguments);

    public async Task<Outcome> RunAsync(CancellationToken stop, params string[] arguments)
    {
        using var signal = new StopSignal(stop);
        var output = new StringWriter(CultureInfo.InvariantCulture);
        var errors = new StringWriter(CultureInfo.InvariantCulture);
        var place = new Workplace(TerminalOver(output, errors), Variables, Folder, Clock);
        var exitCode = await CommandLine.InvokeAsync(arguments, Entrypoints(), place, signal);
        return new Outcome(exitCode, output.ToString(), errors.ToString());
    }

    public string PathOf(string file) => Path.Combine(Folder, file);

    public Task WriteAsync(string file, string text) =>
        File.WriteAllTextAsync(PathOf(file), text, TestContext.Current.CancellationToken);

    public Task<string> ReadAsync(string file) =>
        File.ReadAllTextAsync(PathOf(file), TestContext.Current.CancellationToken);

    public void Dispose() => _folder.Delete(recursive: true);

    private Terminal TerminalOver(TextWriter output, TextWriter errors) =>
        new(new StringReader(Input), output, errors)
        {
            InputIsTerminal = InputIsTerminal,
            OutputIsTerminal = OutputIsTerminal,
            IsAnsi = OutputIsTerminal,
            HasColour = OutputIsTerminal && !Variables.ContainsKey("NO_COLOR"),
            ReadKey = Keys is null ? null : Keys.Dequeue,
        };

    private Entrypoints Entrypoints() => new(
        (flags, _) =>
        {
            ServerFlags.Add(flags);
            return Task.FromResult(ExitCode.Ok);
        },
        async (flags, _) =>
        {
            ServerFlags.Add(new Dictionary<string, string?>(flags, StringComparer.Ordinal));
            return await StartServer();
        },
        async (address, _) =>
        {
            SimulatorAddresses.Add(address);
            return await StartSimulator();
        },
        new DispatcherEntrypoints(
            (flags, _, _) =>
            {
                ServerFlags.Add(flags);
                return Task.FromResult(ExitCode.Ok);
            },
            (flags, _) =>
            {
                ServerFlags.Add(flags);
                return Task.FromResult(Replay);
            },
            (flags, _) =>
            {
                ServerFlags.Add(flags);
                return Task.FromResult(Dispatch);
            }));

    /// <summary>What `dispatcher replay` finds.</summary>
    public ReplayReport Replay { get; init; } = new("llm-proxy-file", 0, IsWhole: true);

    /// <summary>What `dispatcher status` finds; null when Redis is away.</summary>
    public DispatchReport? Dispatch { get; init; }
}
