using System.Buffers;
using System.Text.Json;
using LlmProxy.Events;

namespace LlmProxy.Dispatching;

/// <summary>
/// The dead letters of a sink that has no Redis behind it: JSON lines in a file beside the events, each with the event
/// and why it was not delivered.
/// </summary>
internal sealed class DeadLetterFile(string path, TimeProvider clock, ILogger logger)
{
    /// <summary>Appends one, and returns when it is on the disk. False when that failed.</summary>
    public async Task<bool> AddAsync(EventRecord record, string service, string reason, int attempts)
    {
        var line = new ArrayBufferWriter<byte>();
        await using (var json = new Utf8JsonWriter(line))
        {
            json.WriteStartObject();
            json.WriteString("at"u8, clock.GetUtcNow());
            json.WriteString("service"u8, service);
            json.WriteString("reason"u8, reason);
            json.WriteNumber("attempts"u8, attempts);
            json.WriteString("event_id"u8, record.Id);
            json.WritePropertyName("event"u8);
            json.WriteRawValue(record.Json.Span, skipInputValidation: true);
            json.WriteEndObject();
        }

        line.Write("\n"u8);
        try
        {
            await using var file = new FileStream(path, new FileStreamOptions
            {
                Mode = FileMode.Append,
                Access = FileAccess.Write,
                BufferSize = 0,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
            await file.WriteAsync(line.WrittenMemory);
            await Task.Run(() => file.Flush(flushToDisk: true));
            return true;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            logger.DeadLetterFileFails(path, failure.Message);
            return false;
        }
    }
}
