using LlmProxy.Events.Redis;

namespace LlmProxy.Events;

internal static partial class Log
{
    [LoggerMessage(1900, LogLevel.Error, "an event could not be written and is lost")]
    public static partial void CannotWriteEvent(this ILogger log, Exception failure);

    [LoggerMessage(1910, LogLevel.Warning, "Redis of the event bus at {Place} is away ({Reason}); {Meanwhile}")]
    public static partial void StreamIsAway(
        this ILogger<StreamLink> log, string place, string reason, string meanwhile);

    [LoggerMessage(1911, LogLevel.Information, "Redis of the event bus at {Place} is back")]
    public static partial void StreamIsBack(this ILogger<StreamLink> log, string place);

    [LoggerMessage(1912, LogLevel.Warning, "Redis of the event bus at {Place} refused {Refused}: {Word}")]
    public static partial void StreamRefused(this ILogger<StreamLink> log, string place, string refused, string word);

    [LoggerMessage(1913, LogLevel.Warning,
        "Redis of the event bus at {Place} keeps no append-only file: what it holds is lost when it dies "
        + "(appendonly yes)")]
    public static partial void StreamIsNotKept(this ILogger log, string place);

    [LoggerMessage(1914, LogLevel.Warning,
        "Redis of the event bus at {Place} may evict keys when its memory is full ({Policy}): events may be lost "
        + "(maxmemory-policy noeviction)")]
    public static partial void StreamMayBeEvicted(this ILogger log, string place, string policy);

    [LoggerMessage(1915, LogLevel.Information,
        "whether Redis of the event bus at {Place} keeps what it holds could not be checked ({Reason})")]
    public static partial void StreamCannotBeChecked(this ILogger log, string place, string reason);

    [LoggerMessage(1916, LogLevel.Error,
        "Redis of the event bus at {Place} has lost {Events} events that it had said to have")]
    public static partial void StreamHasLost(this ILogger log, string place, long events);

    [LoggerMessage(1917, LogLevel.Warning, "{Events} events wait in the spool {File} from before")]
    public static partial void SpoolIsNotEmpty(this ILogger log, long events, string file);

    [LoggerMessage(1918, LogLevel.Warning,
        "the spool {File} ended in the middle of an event; {Bytes} bytes were cut off")]
    public static partial void SpoolWasTorn(this ILogger log, string file, long bytes);

    [LoggerMessage(1919, LogLevel.Error,
        "the spool {File} is damaged at byte {Position}; {Bytes} bytes were skipped, with one event or more")]
    public static partial void SpoolIsDamaged(this ILogger log, string file, long position, long bytes);

    [LoggerMessage(1920, LogLevel.Error,
        "the spool {File} cannot be written; events are dropped and counted until it can be")]
    public static partial void CannotSpool(this ILogger log, Exception failure, string file);

    [LoggerMessage(1921, LogLevel.Error, "the spool {File} is full; events are dropped and counted")]
    public static partial void SpoolIsFull(this ILogger log, string file);

    [LoggerMessage(1922, LogLevel.Error, "the sender of events failed and goes on")]
    public static partial void SenderFailed(this ILogger log, Exception failure);

    [LoggerMessage(1923, LogLevel.Information, "the {Events} last events of this process stay in the spool {File}")]
    public static partial void SpoolKeepsTheLast(this ILogger log, long events, string file);

    [LoggerMessage(1924, LogLevel.Warning,
        "Redis of the event bus at {Place} does not know this process any more: it was emptied, or has started anew")]
    public static partial void StreamHasForgotten(this ILogger log, string place);
}
