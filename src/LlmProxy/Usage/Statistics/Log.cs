namespace LlmProxy.Usage.Statistics;

internal static partial class Log
{
    [LoggerMessage(1600, LogLevel.Warning, "Usage could not be written to the store yet")]
    public static partial void WritingUsageFailed(this ILogger<UsageStatistics> logger, Exception failure);

    [LoggerMessage(1601, LogLevel.Error,
        "The usage of {Exchanges} exchanges is missing in the statistics: the store has not taken any for too long")]
    public static partial void UsageLost(this ILogger<UsageStatistics> logger, long exchanges);

    [LoggerMessage(1602, LogLevel.Error,
        "The usage since the last write is missing in the statistics: the store did not take it at the end")]
    public static partial void UsageLostAtStop(this ILogger<UsageStatistics> logger, Exception failure);
}
