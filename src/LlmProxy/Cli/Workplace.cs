using System.Collections;
using LlmProxy.Settings;

namespace LlmProxy.Cli;

/// <summary>Where a command runs: its terminal, its environment variables, its folder and its clock.</summary>
internal sealed record Workplace(
    Terminal Terminal,
    IReadOnlyDictionary<string, string> Variables,
    string Folder,
    TimeProvider Clock)
{
    public static Workplace OfProcess() => new(
        Terminal.OfProcess(),
        Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().ToDictionary(
            static entry => (string)entry.Key,
            static entry => (string?)entry.Value ?? string.Empty,
            StringComparer.Ordinal),
        Environment.CurrentDirectory,
        TimeProvider.System);

    public string PathOf(string path) => Path.Combine(Folder, path);

    /// <summary>A variable of the environment; an empty one is how a shell or a compose file says "not set".</summary>
    public string? Variable(string name) => Variables.GetValueOrDefault(name) is { Length: > 0 } value ? value : null;

    /// <summary>
    /// A setting that no flag gave: from the environment, else from the settings file, which is what <c>ENV</c> names
    /// or else the folder's <c>.env</c>.
    /// </summary>
    public string? Setting(string name) => Variable(name) ?? SettingOfFile(name);

    private string? SettingOfFile(string name)
    {
        var chosen = Variable(ProcessSettings.FileName);
        var path = PathOf(chosen ?? ".env");
        if (chosen is null && !File.Exists(path))
        {
            return null;
        }

        try
        {
            // The server complains of lines that are none; a client only wants its own.
            return EnvFile.Read(path, []).LastOrDefault(entry => entry.Name == name).Value is { Length: > 0 } value
                ? value
                : null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw CommandFailure.Usage($"{name} is not set, and {path} cannot be read: {failure.Message}");
        }
    }
}
