using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using LlmProxy.Cli.Benchmark;
using LlmProxy.Settings;

namespace LlmProxy.Cli;

/// <summary>
/// The command line as a whole: which commands there are, and what a person sees when one cannot be run. Results go to
/// standard output, everything else to standard error, and <see cref="ExitCode"/> tells a script what happened.
/// </summary>
internal static class CommandLine
{
    private const string Name = "llm-proxy";

    /// <summary>Runs the command that <paramref name="args"/> names, in this process's own terminal.</summary>
    public static async Task<int> InvokeAsync(string[] args, Entrypoints entrypoints)
    {
        using var stop = StopSignal.OfProcess();
        return await InvokeAsync(args, entrypoints, Workplace.OfProcess(), stop);
    }

    public static async Task<int> InvokeAsync(
        string[] args, Entrypoints entrypoints, Workplace place, StopSignal stop)
    {
        var terminal = place.Terminal;
        var root = Tree(entrypoints, place, stop);
        var parsed = root.Parse(WithVerb(root, args), new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Action is ParseErrorAction)
        {
            return Refuse(parsed, terminal);
        }

        try
        {
            var invocation = new InvocationConfiguration
            {
                Output = terminal.Output,
                Error = terminal.Errors,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            };
            return await parsed.InvokeAsync(invocation, stop.Token);
        }
        catch (CommandFailure failure)
        {
            terminal.Note(failure.Message);
            return failure.ExitCode;
        }
        catch (StartFailure failure)
        {
            terminal.Note(failure.Message);
            return ExitCode.Usage;
        }
        catch (OperationCanceledException) when (stop.Token.IsCancellationRequested)
        {
            return ExitCode.Interrupted;
        }
#pragma warning disable CA1031 // The outermost frame: a person gets a sentence, whatever happened.
        catch (Exception failure)
        {
            terminal.Note($"{Name} failed unexpectedly: {failure}");
            return ExitCode.Usage;
        }
#pragma warning restore CA1031
    }

    /// <summary>All commands with their options. <c>docs/guide/cli.md</c> is written from it.</summary>
    public static RootCommand Tree(Entrypoints entrypoints, Workplace place, StopSignal stop)
    {
        var root = new RootCommand(
            "A transparent, secure proxy in front of LLM provider APIs. Clients get withering tokens: short-lived, "
            + "limited, revocable. Without a command, it runs the server.")
        {
            new ServerCommand(entrypoints).Create(),
            new SetupCommand(entrypoints, place).Create(),
            ManageCommand.Create(place),
            new OpenAiCommand(place, stop).Create(),
            DispatcherCommand.Create(entrypoints, place),
            HealthCommand.Create(place),
            BenchmarkCommand.Create(place),
            DemoCommand.Create(entrypoints, place),
            SimulatorCommand.Create(entrypoints, place),
        };
        root.HelpName = Name;
        foreach (var option in root.Options)
        {
            option.Action = option switch
            {
                HelpOption { Action: HelpAction help } => new HelpScreen(help),
                VersionOption => new VersionLine(),
                _ => option.Action,
            };
        }

        return root;
    }

    /// <summary><c>llm-proxy --addr :9000</c> is <c>llm-proxy server --addr :9000</c>.</summary>
    private static string[] WithVerb(RootCommand root, string[] args)
    {
        var isForRoot = args is [var first, ..]
            && (!first.StartsWith('-') || root.Options.Any(option => IsNamed(option, first)));
        return isForRoot ? args : ["server", .. args];

        static bool IsNamed(Option option, string word) => option.Name == word || option.Aliases.Contains(word);
    }

    private static int Refuse(ParseResult parsed, Terminal terminal)
    {
        var path = PathOf(parsed.CommandResult.Command);

        // One mistake often makes several complaints; a word that is not understood is the cause of the others.
        terminal.Note(parsed switch
        {
            { UnmatchedTokens: [var unknown, ..] } => $"'{unknown}' is not a command or an option of '{path}'.",
            { CommandResult.Command.Subcommands: { Count: > 0 } verbs } =>
                $"'{path}' needs a command: {string.Join(", ", verbs.Select(static verb => verb.Name))}.",
            _ => parsed.Errors[0].Message,
        });
        terminal.Note($"See '{path} --help'.");
        return ExitCode.Usage;
    }

    private static string PathOf(Command command)
    {
        var path = string.Empty;
        for (Symbol? symbol = command; symbol is Command and not RootCommand; symbol = symbol.Parents.FirstOrDefault())
        {
            path = $" {symbol.Name}{path}";
        }

        return Name + path;
    }
}
