namespace LlmProxy.Limits;

internal static partial class Log
{
    [LoggerMessage(1100, LogLevel.Warning, "No lease could be fetched for {Kind} {Id}")]
    public static partial void LeaseFailed(
        this ILogger<LeaseOffice> logger, Exception failure, AccountKind kind, Guid id);

    [LoggerMessage(1101, LogLevel.Warning,
        "What {Accounts} tokens and projects have spent could not be written to the store yet")]
    public static partial void SettlingFailed(this ILogger<LeaseOffice> logger, Exception failure, int accounts);
}
