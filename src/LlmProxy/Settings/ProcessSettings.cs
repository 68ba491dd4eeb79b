using System.Collections;

namespace LlmProxy.Settings;

/// <summary>
/// Opens the places where settings stand for this process: its flags, its environment, its <c>.env</c> file.
/// </summary>
internal static class ProcessSettings
{
    /// <summary>Name of the flag, or environment variable, that says where the <c>.env</c> file is.</summary>
    public const string FileName = "ENV";

    private const string DefaultFile = ".env";

    public static SettingsReader Open(IReadOnlyDictionary<string, string?> flags)
    {
        var environment = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .ToDictionary(static entry => (string)entry.Key, static entry => (string?)entry.Value ?? string.Empty,
                StringComparer.Ordinal);
        var chosen = flags.GetValueOrDefault(FileName) ?? environment.GetValueOrDefault(FileName);
        var complaints = new List<string>();
        var settings = new SettingsReader(flags, environment, ReadFile(chosen, complaints));
        settings.AlsoKnown(FileName, "Path of the `.env` file; `.env` in the working directory when it is there.");
        complaints.ForEach(settings.Complain);
        return settings;
    }

    private static IReadOnlyList<EnvEntry> ReadFile(string? chosen, List<string> complaints)
    {
        if (string.IsNullOrEmpty(chosen) && !File.Exists(DefaultFile))
        {
            return [];
        }

        var path = string.IsNullOrEmpty(chosen) ? DefaultFile : chosen;
        try
        {
            return EnvFile.Read(path, complaints);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException)
        {
            complaints.Add($"ENV: the settings file '{path}' cannot be read: {failure.Message}");
            return [];
        }
    }
}
