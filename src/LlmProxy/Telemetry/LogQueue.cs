using System.Threading.Channels;

namespace LlmProxy.Telemetry;

/// <summary>
/// A line that knows how to write itself, so that the work is done by the log's thread and not by a request.
/// </summary>
internal delegate void LogLine(System.Text.Json.Utf8JsonWriter json);

/// <summary>
/// Lines on their way to the log. Whoever writes never waits: when the bound is reached, because the disk is full or a
/// pipe is blocked, lines are dropped and counted.
/// </summary>
internal sealed class LogQueue
{
    private const int LinesMax = 65_536;

    // Request threads write; the log's thread is the only reader. It polls, because waking it for each line costs
    // 10 to 20 µs CPU a request.
    private readonly Channel<LogLine> _lines = Channel.CreateBounded<LogLine>(
        new BoundedChannelOptions(LinesMax) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });

    // Written by request threads, read by the log's thread: Interlocked only.
    private long _dropped;

    public void Write(LogLine line)
    {
        if (!_lines.Writer.TryWrite(line))
        {
            Interlocked.Increment(ref _dropped);
        }
    }

    public bool TryRead(out LogLine? line) => _lines.Reader.TryRead(out line);

    /// <summary>How many lines were dropped since the last call.</summary>
    public long TakeDropped() => Interlocked.Exchange(ref _dropped, 0);
}
