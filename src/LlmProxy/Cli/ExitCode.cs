namespace LlmProxy.Cli;

/// <summary>What scripts learn from the end of a command. Part of the interface: added to, never renumbered.</summary>
internal static class ExitCode
{
    public const int Ok = 0;

    /// <summary>The command, a flag or a setting is wrong or missing.</summary>
    public const int Usage = 1;

    /// <summary>No connection, no answer in time, or the server could not serve (5xx).</summary>
    public const int Network = 2;

    /// <summary>The credential was not accepted (401).</summary>
    public const int Authentication = 3;

    /// <summary>
    /// What was asked for is not there or was refused (any other 4xx), or more requests of a benchmark failed than may.
    /// </summary>
    public const int Refused = 4;

    /// <summary>Ctrl-C before the command was done; 128 + SIGINT, as shells have it.</summary>
    public const int Interrupted = 130;
}

/// <summary>
/// Why a command cannot go on: a sentence for standard error and the exit code. Caught in one place,
/// <see cref="CommandLine"/>, and by the chat, which goes on with the next line.
/// </summary>
internal sealed class CommandFailure(int exitCode, string message) : Exception(message)
{
    public int ExitCode => exitCode;

    public static CommandFailure Usage(string message) => new(Cli.ExitCode.Usage, message);
}
