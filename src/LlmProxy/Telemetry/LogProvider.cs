using System.Text.Json;

namespace LlmProxy.Telemetry;

/// <summary>
/// Leads Microsoft.Extensions.Logging into the queue; message and properties are taken on the caller's thread.
/// </summary>
internal sealed class LogProvider(LogQueue queue, TimeProvider clock) : ILoggerProvider
{
    public ILogger CreateLogger(string categoryName) => new QueueLogger(queue, clock, categoryName);

    public void Dispose()
    {
    }

    private sealed class QueueLogger(LogQueue queue, TimeProvider clock, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            var (time, message) = (clock.GetUtcNow(), formatter(state, exception));
            var failure = exception?.ToString();
            queue.Write(json =>
            {
                json.WriteString("time"u8, time);
                json.WriteString("level"u8, WordFor(logLevel));
                json.WriteString("msg"u8, message);
                json.WriteString("source"u8, category);
                if (eventId.Id != 0)
                {
                    json.WriteNumber("event_id"u8, eventId.Id);
                }

                if (failure is not null)
                {
                    json.WriteString("exception"u8, failure);
                }
            });
        }

        private static JsonEncodedText WordFor(LogLevel level) => level switch
        {
            LogLevel.Trace => Trace,
            LogLevel.Debug => Debug,
            LogLevel.Warning => Warn,
            LogLevel.Error or LogLevel.Critical => Error,
            _ => Information,
        };

        private static readonly JsonEncodedText Trace = JsonEncodedText.Encode("trace");
        private static readonly JsonEncodedText Debug = JsonEncodedText.Encode("debug");
        private static readonly JsonEncodedText Information = JsonEncodedText.Encode("info");
        private static readonly JsonEncodedText Warn = JsonEncodedText.Encode("warn");
        private static readonly JsonEncodedText Error = JsonEncodedText.Encode("error");
    }
}
