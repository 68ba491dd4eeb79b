namespace LlmProxy.Limits;

internal static partial class Log
{
    [LoggerMessage(1100, LogLevel.Warning, "No lease could be fetched for {Kind} {Id}")]
    public static partial void LeaseFailed(
        this ILogger<LeaseOffice> logger, Exception failure, AccountKind kind, Guid id);

    [LoggerMessage(1101, LogLevel.Warning,
        "What {Accounts} tokens and projects have spent could not be written to the store yet")]
    public static partial void SettlingFailed(this ILogger<LeaseOffice> logger, Exception failure, int accounts);

    [LoggerMessage(1102, LogLevel.Warning,
        "The answers from the cache of {Tokens} tokens could not be counted in the store yet")]
    public static partial void WritingCacheHitsFailed(this ILogger<CacheHits> logger, Exception failure, int tokens);

    [LoggerMessage(1103, LogLevel.Warning,
        "{Hits} answers from the cache were not counted: the store has been away for too long")]
    public static partial void CacheHitsLost(this ILogger<CacheHits> logger, long hits);
}
