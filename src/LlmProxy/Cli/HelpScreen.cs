using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Reflection;

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

/// <summary>
/// The program's name and version on one line, with what it was built with: ASP.NET Core, and .NET's libraries, may
/// be of a newer patch than the core (docs/decisions/0008).
/// </summary>
internal sealed class VersionLine : SynchronousCommandLineAction
{
    public override int Invoke(ParseResult parseResult)
    {
        var version = typeof(VersionLine).Assembly.GetName().Version!.ToString(3);
        parseResult.InvocationConfiguration.Output.WriteLine(
            $"llm-proxy {version} (ASP.NET Core {PatchOf<WebApplication>()}, "
            + $".NET libraries {PatchOf<System.Text.Json.JsonDocument>()}, core {Environment.Version}, "
            + $"{System.Runtime.InteropServices.RuntimeInformation.RuntimeIdentifier})");
        return ExitCode.Ok;
    }
    private static string PatchOf<T>()
    {
        var full = typeof(T).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
        return full?.Split('+')[0] ?? "unknown";
    }
}
