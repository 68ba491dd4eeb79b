namespace LlmProxy.Tokens;

internal static partial class Log
{
    [LoggerMessage(1001, LogLevel.Warning, "Changes of other instances could not be read")]
    public static partial void ChangesAreUnread(this ILogger<ChangeWatch> logger, Exception failure);
}
