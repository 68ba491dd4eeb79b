using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace LlmProxy.Cli;

/// <summary>The library's help, and our examples below it.</summary>
internal sealed class HelpScreen(HelpAction inner) : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        inner.Invoke(parseResult);
        if (parseResult.CommandResult.Command is Verb { Examples.Count: > 0 } verb)
        {
            var output = parseResult.InvocationConfiguration.Output;
            output.WriteLine("Examples:");
            foreach (var example in verb.Examples)
            {
                output.WriteLine($"  {example}");
            }
        }

        return ExitCode.Ok;
    }
}

/// <summary>The program's name, version and runtime on one line.</summary>
internal sealed class VersionLine : SynchronousCommandLineAction
{
    public override int Invoke(ParseResult parseResult)
    {
        var version = typeof(VersionLine).Assembly.GetName().Version!.ToString(3);
        parseResult.InvocationConfiguration.Output.WriteLine(
            $"llm-proxy {version} (.NET {Environment.Version}, "
            + $"{System.Runtime.InteropServices.RuntimeInformation.RuntimeIdentifier})");
        return ExitCode.Ok;
    }
}
