namespace LlmProxy.Dispatching;

internal static partial class Log
{
    [LoggerMessage(2000, LogLevel.Warning, "{Service} takes no events now ({Reason}); they are kept and tried again")]
    public static partial void SinkFails(this ILogger log, string service, string? reason);

    [LoggerMessage(2001, LogLevel.Information, "{Service} takes events again")]
    public static partial void SinkWorks(this ILogger log, string service);

    [LoggerMessage(2002, LogLevel.Warning, "event {EventId} was set aside: {Service} does not take it ({Reason})")]
    public static partial void Buried(this ILogger log, string eventId, string service, string reason);

    [LoggerMessage(2003, LogLevel.Information, "dispatching events to {Service}")]
    public static partial void Dispatching(this ILogger log, string service);

    [LoggerMessage(2004, LogLevel.Error, "the dead letter file {Path} cannot be written: {Reason}")]
    public static partial void DeadLetterFileFails(this ILogger log, string path, string reason);
}
