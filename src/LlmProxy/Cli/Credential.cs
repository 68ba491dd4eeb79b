using System.CommandLine;

namespace LlmProxy.Cli;

/// <summary>Secrets that a person gives to a command: by flag, by setting, or through standard input.</summary>
internal static class Credential
{
    /// <summary>
    /// The value of a flag, or null when it was not given. <c>-</c> takes the first line of the input, so that a
    /// secret need not stand in the shell's history.
    /// </summary>
    public static async Task<string?> ReadAsync(string? value, Option option, Terminal terminal, CancellationToken stop)
    {
        if (value == "-")
        {
            value = (await terminal.ReadLineAsync(stop))?.Trim() ?? string.Empty;
        }

        return value is null ? null : Check(value, option.Name);
    }

    /// <summary>A value that can stand in a header; the complaint does not repeat it.</summary>
    public static string Check(string value, string source) =>
        value.Length > 0 && !value.AsSpan().ContainsAnyExceptInRange('!', '~')
            ? value
            : throw CommandFailure.Usage($"{source} must be visible ASCII characters without spaces.");
}
