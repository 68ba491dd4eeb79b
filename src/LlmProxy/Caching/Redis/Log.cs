namespace LlmProxy.Caching.Redis;

internal static partial class Log
{
    [LoggerMessage(1850, LogLevel.Warning,
        "Redis of the cache at {Place} is away ({Reason}); requests go to the providers until it is back")]
    public static partial void RedisIsAway(this ILogger<RedisLink> logger, string place, string reason);

    [LoggerMessage(1851, LogLevel.Information, "Redis of the cache at {Place} is back")]
    public static partial void RedisIsBack(this ILogger<RedisLink> logger, string place);
}
