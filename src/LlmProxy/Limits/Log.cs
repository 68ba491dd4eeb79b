namespace LlmProxy.Limits;

internal static partial class Log
{
    [LoggerMessage(1100, LogLevel.Warning, "No lease could be fetched for token {TokenId}")]
    public static partial void LeaseFailed(this ILogger<LeaseOffice> logger, Exception failure, Guid tokenId);

    [LoggerMessage(1101, LogLevel.Warning, "The requests of {Tokens} tokens could not be counted in the store yet")]
    public static partial void SettlingFailed(this ILogger<LeaseOffice> logger, Exception failure, int tokens);
}
