namespace LlmProxy.Telemetry;

/// <summary>Logging for the whole program: one queue, one thread that writes.</summary>
internal static class TelemetryFeature
{
    public static IServiceCollection AddTelemetry(this IServiceCollection services, TelemetryOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton<LogQueue>();
        services.AddSingleton<LogWriter>();
        services.AddSingleton<ILoggerProvider, LogProvider>();
        services.AddLogging(logging => logging
            .SetMinimumLevel(options.Level)

            // The framework's own lines below warnings name headers and URLs; ours say what an operator needs.
            .AddFilter("Microsoft", LogLevel.Warning)
            .AddFilter("System", LogLevel.Warning)

            // Would log nothing, but makes an activity and a scope for each request as long as it may.
            .AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None)

            // A failed start is said once, in a sentence, by whoever started.
            .AddFilter("Microsoft.Extensions.Hosting", LogLevel.None));
        return services;
    }
}
