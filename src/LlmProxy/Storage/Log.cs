namespace LlmProxy.Storage;

internal static partial class Log
{
    [LoggerMessage(1300, LogLevel.Error, "A transaction of {Changes} changes could not be committed")]
    public static partial void CommitFailed(this ILogger logger, Exception failure, int changes);

    [LoggerMessage(1301, LogLevel.Information, "Database {Path} was brought to schema {Script}")]
    public static partial void Migrated(this ILogger logger, string path, string script);
}
