namespace LlmProxy.Proxying;

internal static partial class Log
{
    [LoggerMessage(1700, LogLevel.Error, "The tokens of exchange {RequestId} could not be counted; they are estimated")]
    public static partial void CountingFailed(
        this ILogger<ExchangeMeter> logger, Exception failure, string requestId);
}
