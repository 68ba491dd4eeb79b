using System.Net;

namespace LlmProxy.Management;

/// <summary>What the management API says in the log. Event ids 1500–1599.</summary>
internal static partial class Log
{
    [LoggerMessage(1500, LogLevel.Warning,
        "Logins to the management API from {Address} were throttled: {Failures} failed within {Window}")]
    public static partial void LoginsWereThrottled(
        this ILogger<ManagementGate> logger, IPAddress? address, int failures, TimeSpan window);

    [LoggerMessage(1501, LogLevel.Error, "The store failed during a management request")]
    public static partial void StoreFailed(this ILogger<ManagementFailures> logger, Exception failure);

    [LoggerMessage(1502, LogLevel.Warning, "The store did not answer a readiness check")]
    public static partial void StoreIsNotReady(this ILogger<Readiness> logger, Exception failure);
}
