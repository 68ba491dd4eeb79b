using System.CommandLine;
using System.Text;
using LlmProxy.Cli;
using Microsoft.Extensions.Time.Testing;

namespace LlmProxy.Tests.Cli;

/// <summary>Writes the commands' own descriptions as the reference part of <c>docs/guide/cli.md</c>.</summary>
internal static class CommandReference
{
    /// <summary>All commands, none of which can do anything.</summary>
    public static RootCommand Commands()
    {
        using var stop = new StopSignal(CancellationToken.None);
        return CommandLine.Tree(
            new Entrypoints(
                static (_, _) => throw new NotSupportedException(),
                static (_, _) => throw new NotSupportedException(),
                static (_, _) => throw new NotSupportedException(),
                new DispatcherEntrypoints(
                    static (_, _, _) => throw new NotSupportedException(),
                    static (_, _) => throw new NotSupportedException(),
                    static (_, _) => throw new NotSupportedException())),
            new Workplace(
                new Terminal(TextReader.Null, TextWriter.Null, TextWriter.Null),
                new Dictionary<string, string>(StringComparer.Ordinal),
                "/",
                new FakeTimeProvider()),
            stop);
    }

    public static string Render(Command root)
    {
        var page = new StringBuilder();
        foreach (var command in root.Subcommands)
        {
            Render(page, command, "llm-proxy");
        }

        return page.ToString();
    }

    private static void Render(StringBuilder page, Command command, string parent)
    {
        var path = $"{parent} {command.Name}";
        var shared = command.Options.Where(static option => option.Recursive).ToList();
        if (shared.Count > 0)
        {
            page.Append($"\n### `{path} …`\n\n{command.Description} All commands below it take these options:\n");
            WriteTable(page, [], shared);
        }

        foreach (var verb in command.Subcommands)
        {
            Render(page, verb, path);
        }

        if (command is Verb { Subcommands.Count: 0 } leaf)
        {
            RenderLeaf(page, leaf, path);
        }
    }

    private static void RenderLeaf(StringBuilder page, Verb command, string path)
    {
        var arguments = string.Concat(command.Arguments.Select(static argument =>
            argument.Arity.MinimumNumberOfValues > 0 ? $" <{argument.Name}>" : $" [{argument.Name}]"));
        page.Append($"\n### `{path}{arguments}`\n\n{command.Description}\n");
        WriteTable(page, command.Arguments, command.Options);
        if (command.Examples.Count > 0)
        {
            page.Append($"\n```sh\n{string.Join('\n', command.Examples)}\n```\n");
        }
    }

    private static void WriteTable(StringBuilder page, IList<Argument> arguments, IList<Option> options)
    {
        if (arguments.Count + options.Count > 0)
        {
            page.Append("\n| | |\n|---|---|\n");
        }

        foreach (var argument in arguments)
        {
            page.Append($"| `{argument.Name}` | {argument.Description} |\n");
        }

        foreach (var option in options)
        {
            var names = string.Join("`, `", option.Aliases.Prepend(option.Name));
            var form = option.HelpName?.Replace("|", "\\|", StringComparison.Ordinal);
            var value = form is null ? string.Empty : $" <{form}>";
            var required = option.Required ? " Required." : string.Empty;
            var byDefault = option.HasDefaultValue && option.ValueType == typeof(string)
                ? $" Default: `{option.GetDefaultValue()}`."
                : string.Empty;
            page.Append($"| `{names}{value}` | {option.Description}{required}{byDefault} |\n");
        }
    }
}
