using LlmProxy.Settings;

namespace LlmProxy.Telemetry;

/// <summary>How much is logged, and where.</summary>
internal sealed record TelemetryOptions(LogLevel Level, string? LogFile)
{
    private static readonly string[] Words = ["trace", "debug", "info", "warn", "error"];

    public static TelemetryOptions Read(SettingsReader settings) => new(
        LevelOf(settings.Choice("LOG_LEVEL", "info", Words,
            "Least level that is logged: trace, debug, info, warn or error.")),
        settings.TextOrNull("LOG_FILE", "File that log lines are appended to (mode 0600) instead of standard error."));

    private static LogLevel LevelOf(string word) => word switch
    {
        "trace" => LogLevel.Trace,
        "debug" => LogLevel.Debug,
        "warn" => LogLevel.Warning,
        "error" => LogLevel.Error,
        _ => LogLevel.Information,
    };
}
