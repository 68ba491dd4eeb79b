namespace LlmProxy.Events;

internal static partial class Log
{
    [LoggerMessage(1900, LogLevel.Error, "an event could not be written and is lost")]
    public static partial void CannotWriteEvent(this ILogger log, Exception failure);
}
