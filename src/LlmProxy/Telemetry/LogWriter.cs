#pragma warning disable MA0045 // This thread exists so that it, and nobody else, may block.
using System.Buffers;
using System.Text.Json;

namespace LlmProxy.Telemetry;

/// <summary>
/// The log's own thread: takes lines from the queue every few milliseconds and writes them as JSON, one a line. Only
/// this thread waits for the disk or the pipe.
/// </summary>
internal sealed class LogWriter : IDisposable
{
    private static readonly TimeSpan BusyPause = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan IdlePause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LastWait = TimeSpan.FromSeconds(2);
    private const int FlushBytes = 64 * 1024;

    private readonly LogQueue _queue;
    private readonly Stream _stream;
    private readonly TimeProvider _clock;
    private readonly ManualResetEvent _stopping = new(false);
    private readonly Thread _thread;

    // Touched by the log's thread alone.
    private readonly ArrayBufferWriter<byte> _buffer = new(FlushBytes + 4096);

    public LogWriter(LogQueue queue, TelemetryOptions options, TimeProvider clock)
    {
        (_queue, _clock) = (queue, clock);
        _stream = options.LogFile is { } path ? OpenFile(path) : Console.OpenStandardError();
        _thread = new Thread(Run) { IsBackground = true, Name = "log" };
        _thread.Start();
    }

    /// <summary>Writes what is queued, within two seconds: a blocked pipe must not hold the process.</summary>
    public void Dispose()
    {
        _stopping.Set();
        if (_thread.Join(LastWait))
        {
            _stream.Dispose();
            _stopping.Dispose();
        }
    }

    private static FileStream OpenFile(string path)
    {
        try
        {
            return new FileStream(path, new FileStreamOptions
            {
                Mode = FileMode.Append,
                Access = FileAccess.Write,
                Share = FileShare.ReadWrite,
                BufferSize = 0,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new Settings.StartFailure($"LOG_FILE: '{path}' cannot be opened for writing: {failure.Message}");
        }
    }

    private void Run()
    {
        var stopped = false;
        using var json = new Utf8JsonWriter(_buffer);
        while (!stopped)
        {
            stopped = _stopping.WaitOne(Drain(json) ? BusyPause : IdlePause);
        }

        Drain(json);
    }

    /// <summary>Writes everything that is queued; tells whether there was anything.</summary>
    private bool Drain(Utf8JsonWriter json)
    {
        var any = false;
        while (_queue.TryRead(out var line) && line is not null)
        {
            any = true;
            Append(json, line);
            if (_buffer.WrittenCount >= FlushBytes)
            {
                Flush();
            }
        }

        if (_queue.TakeDropped() is > 0 and var dropped)
        {
            Append(json, writer => WriteDropped(writer, dropped));
        }

        Flush();
        return any;
    }

    private void WriteDropped(Utf8JsonWriter json, long dropped)
    {
        json.WriteString("time"u8, _clock.GetUtcNow());
        json.WriteString("level"u8, "warn"u8);
        json.WriteString("msg"u8, "Log lines were dropped because the log could not keep up"u8);
        json.WriteNumber("dropped"u8, dropped);
    }

    private void Append(Utf8JsonWriter json, LogLine line)
    {
        json.Reset();
        json.WriteStartObject();
        line(json);
        json.WriteEndObject();
        json.Flush();
        _buffer.Write("\n"u8);
    }

    private void Flush()
    {
        if (_buffer.WrittenCount == 0)
        {
            return;
        }

        try
        {
            _stream.Write(_buffer.WrittenSpan);
        }
        catch (IOException)
        {
            // A full disk or a closed pipe: there is nowhere to say so, and requests must go on.
        }

        _buffer.ResetWrittenCount();
    }
}
