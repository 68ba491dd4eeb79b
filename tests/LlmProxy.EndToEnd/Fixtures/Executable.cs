namespace LlmProxy.EndToEnd.Fixtures;

/// <summary>How a command ended, with everything it said.</summary>
internal sealed record CommandResult(int ExitCode, string Output, string Errors);

/// <summary>
/// The published native binary: <c>bin/llm-proxy</c> of this repository, or what <c>LLM_PROXY_UNDER_TEST</c> names.
/// </summary>
internal static class Executable
{
    /// <summary>The folder that holds the solution file.</summary>
    public static string RepositoryRoot { get; } = FindRepositoryRoot();

    public static string FileName { get; } = Find();

    /// <summary>
    /// Starts the binary with nothing in its environment but what is given (and what a process needs).
    /// </summary>
    public static ChildProcess Start(
        string folder, IEnumerable<(string Name, string Value)> environment, params IEnumerable<string> arguments) =>
        ChildProcess.Start(FileName, folder, environment, arguments);

    /// <summary>Runs a command to its end, with <paramref name="input"/> as all of its standard input.</summary>
    public static async Task<CommandResult> RunAsync(
        string folder,
        IEnumerable<(string Name, string Value)> environment,
        string input,
        params IEnumerable<string> arguments)
    {
        await using var process = Start(folder, environment, arguments);
        await process.TypeAsync(input);
        return await process.EndAsync();
    }

    private static string Find()
    {
        var path = Environment.GetEnvironmentVariable("LLM_PROXY_UNDER_TEST") is { Length: > 0 } named
            ? Path.GetFullPath(named)
            : Path.Combine(RepositoryRoot, "bin", "llm-proxy");
        return File.Exists(path)
            ? path
            : throw new FileNotFoundException($"There is no {path}: run 'make build' first.");
    }

    private static string FindRepositoryRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "LlmProxy.slnx")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException($"No LlmProxy.slnx above {AppContext.BaseDirectory}.");
    }
}
