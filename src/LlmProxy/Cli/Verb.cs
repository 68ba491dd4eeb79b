using System.CommandLine;

namespace LlmProxy.Cli;

/// <summary>A command that shows examples of itself at the end of its help.</summary>
internal sealed class Verb(string name, string description, params IReadOnlyList<string> examples)
    : Command(name, description)
{
    /// <summary>Complete command lines, as one would type them.</summary>
    public IReadOnlyList<string> Examples => examples;
}
