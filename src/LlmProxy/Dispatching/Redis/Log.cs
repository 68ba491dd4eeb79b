namespace LlmProxy.Dispatching.Redis;

internal static partial class Log
{
    [LoggerMessage(1980, LogLevel.Warning,
        "the stream {Stream} has dropped {Events} events before they were delivered to {Group}; "
        + "REDIS_STREAM_MAX_LEN says how many it keeps")]
    public static partial void EventsWereTrimmed(this ILogger log, string stream, long events, string group);

    [LoggerMessage(1981, LogLevel.Warning,
        "the consumer group {Group} was gone and was made again at the beginning of the stream {Stream}")]
    public static partial void GroupWasMadeAgain(this ILogger log, string group, string stream);

    [LoggerMessage(1982, LogLevel.Warning,
        "the entry {Position} of the stream {Stream} is no event of ours and goes to the dead letters")]
    public static partial void EntryIsUnreadable(this ILogger log, string stream, string position);
}
