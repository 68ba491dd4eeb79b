using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Connections;

namespace LlmProxy.Simulator.Wire;

/// <summary>
/// A connection that remembers the head of the request as it came, because Kestrel keeps neither the order nor the
/// spelling of headers, and that can end a chunked answer with trailers, which Kestrel sends over HTTP/2 only.
/// </summary>
internal sealed class ObservedConnection : IDuplexPipe
{
    private readonly RecordingReader _input;
    private readonly TrailingWriter _output;

    private ObservedConnection(IDuplexPipe inner)
    {
        _input = new(inner.Input);
        _output = new(inner.Output);
    }

    public PipeReader Input => _input;

    public PipeWriter Output => _output;

    /// <summary>Connection middleware: serves the connection with its transport observed.</summary>
    public static async Task ServeAsync(ConnectionDelegate next, ConnectionContext connection)
    {
        var inner = connection.Transport;
        var observed = new ObservedConnection(inner);
        connection.Transport = observed;
        connection.Features.Set(observed);
        try
        {
            await next(connection);
        }
        finally
        {
            connection.Transport = inner;
        }
    }

    /// <summary>
    /// The header lines of the request that begins with <paramref name="requestLine"/>. To be asked for before its
    /// body is read.
    /// </summary>
    public IEnumerable<KeyValuePair<string, string>> HeadersAfter(string requestLine)
    {
        var text = Encoding.Latin1.GetString(_input.Recorded);
        var start = text.LastIndexOf(requestLine, StringComparison.Ordinal);
        var lines = start < 0 ? [] : text[(start + requestLine.Length)..].Split("\r\n");
        return lines.TakeWhile(static line => line.Length > 0).Select(static line =>
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            return KeyValuePair.Create(line[..colon], line[(colon + 1)..].Trim(' ', '\t'));
        });
    }

    /// <summary>Forgets what was recorded, so that a connection does not hold all the requests it ever served.</summary>
    public void ForgetHead() => _input.Forget();

    /// <summary>Puts header lines behind the last chunk, which must be the next thing that is written.</summary>
    public void AddTrailers(string lines) => _output.Trailers = lines;

    private sealed class RecordingReader(PipeReader inner) : PipeReader
    {
        private const int BytesKeptMax = 64 * 1024;

        private readonly ArrayBufferWriter<byte> _recorded = new();
        private ReadOnlySequence<byte> _lastRead;

        public ReadOnlySpan<byte> Recorded => _recorded.WrittenSpan;

        public void Forget() => _recorded.ResetWrittenCount();

        public override bool TryRead(out ReadResult result)
        {
            var hasRead = inner.TryRead(out result);
            _lastRead = hasRead ? result.Buffer : _lastRead;
            return hasRead;
        }

        public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
        {
            var result = await inner.ReadAsync(cancellationToken);
            _lastRead = result.Buffer;
            return result;
        }

        public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
        {
            foreach (var segment in _lastRead.Slice(0, consumed))
            {
                Record(segment.Span);
            }

            _lastRead = default;
            inner.AdvanceTo(consumed, examined);
        }

        public override void CancelPendingRead() => inner.CancelPendingRead();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);

        // Heads are smaller than this, so when it overflows the bytes are those of a body and can go.
        private void Record(ReadOnlySpan<byte> bytes)
        {
            if (_recorded.WrittenCount + bytes.Length > BytesKeptMax)
            {
                _recorded.ResetWrittenCount();
            }

            _recorded.Write(bytes[^Math.Min(bytes.Length, BytesKeptMax)..]);
        }
    }

    private sealed class TrailingWriter(PipeWriter inner) : PipeWriter
    {
        private static readonly byte[] LastChunk = "0\r\n\r\n"u8.ToArray();

        private Memory<byte> _lastGiven;

        public string? Trailers { get; set; }

        public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

        public override long UnflushedBytes => inner.UnflushedBytes;

        public override void Advance(int bytes)
        {
            if (Trailers is { } lines && _lastGiven.Span[..bytes].EndsWith(LastChunk))
            {
                Trailers = null;
                inner.Advance(bytes - 2);
                inner.Write(Encoding.Latin1.GetBytes(lines + "\r\n"));
                return;
            }

            inner.Advance(bytes);
        }

        public override Memory<byte> GetMemory(int sizeHint = 0) => _lastGiven = inner.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) =>
            inner.FlushAsync(cancellationToken);

        public override void CancelPendingFlush() => inner.CancelPendingFlush();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);
    }
}
