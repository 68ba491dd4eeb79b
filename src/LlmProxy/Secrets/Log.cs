namespace LlmProxy.Secrets;

internal static partial class Log
{
    [LoggerMessage(1200, LogLevel.Warning,
        "A master key was made in {Path}: back it up apart from the database, without it no provider key can be read")]
    public static partial void MadeMasterKey(this ILogger<MasterKey> logger, string path);
}
