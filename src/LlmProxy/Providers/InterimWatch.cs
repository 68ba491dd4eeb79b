using System.Runtime.CompilerServices;

namespace LlmProxy.Providers;

/// <summary>
/// A connection to a provider, on which interim answers are seen that HttpClient skips. Every byte passes as it is.
/// </summary>
/// <remarks>
/// Nothing tells a connection whose request it carries, but what HttpClient writes and reads for a request, it does in
/// the flow of the one who sends it. It begins to read before it writes (a kept connection) or after (a new one).
/// </remarks>
internal sealed class InterimWatch(Stream connection) : Stream
{
    /// <summary>Set by who sends a request, for as long as its answer has not begun.</summary>
    public static readonly AsyncLocal<InterimReader?> Current = new();

    // Of the last request that has one. Once that has ended it is over, so it never sees an answer to another one.
    private volatile InterimReader? _reader;

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var reading = connection.ReadAsync(buffer, cancellationToken);
        return ReaderNow() is { IsOver: false } reader && buffer.Length > 0
            ? ReadAsync(reading, buffer, reader)
            : reading;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ReaderNow();
        return connection.WriteAsync(buffer, cancellationToken);
    }

    public override Task<int> ReadAsync(
        byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(
        byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => connection.FlushAsync(cancellationToken);

    public override int Read(byte[] buffer, int offset, int count) => connection.Read(buffer, offset, count);

    public override void Write(byte[] buffer, int offset, int count) => connection.Write(buffer, offset, count);

    public override void Flush() => connection.Flush();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            connection.Dispose();
        }

        base.Dispose(disposing);
    }

    // HttpClient sees the bytes only when what they report has been dealt with: so the final answer comes last. Waits
    // once a request: pooled, what it waits in is not allocated for each.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private static async ValueTask<int> ReadAsync(ValueTask<int> reading, Memory<byte> buffer, InterimReader reader)
    {
        var read = await reading;
        if (read > 0)
        {
            await reader.ReadAsync(buffer[..read]);
        }

        return read;
    }

    private InterimReader? ReaderNow()
    {
        if (Current.Value is not { } current)
        {
            return _reader;
        }

        if (!ReferenceEquals(current, _reader))
        {
            _reader = current;
        }

        return current;
    }
}
