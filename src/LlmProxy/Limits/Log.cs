namespace LlmProxy.Limits;

internal static partial class Log
{
    [LoggerMessage(1100, LogLevel.Warning, "No lease could be fetched for token {TokenId}")]
    public static partial void LeaseFailed(this ILogger<LeaseOffice> logger, Exception failure, Guid tokenId);

    [LoggerMessage(1101, LogLevel.Warning, "{Requests} requests of token {TokenId} could not be counted yet")]
    public static partial void CountFailed(this ILogger<LeaseOffice> logger, Exception failure, Guid tokenId, long requests);
}
