namespace LlmProxy.Cli.Benchmark;

/// <summary>
/// The body of an answer, whose bytes are counted. An event that does not end must not fill the memory: between two
/// calls of <see cref="BeginEvent"/> no more than a bound is read.
/// </summary>
internal sealed class MeasuredBody(Stream inner) : Stream
{
    private const long EventBytesMax = 8 * 1024 * 1024;

    private long _eventBegan;

    /// <summary>How many bytes were read.</summary>
    public long BytesRead { get; private set; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public void BeginEvent() => _eventBegan = BytesRead;

    /// <exception cref="InvalidDataException">The event has no end in sight.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (BytesRead - _eventBegan > EventBytesMax)
        {
            throw new InvalidDataException($"An event of the stream has more than {EventBytesMax} bytes.");
        }

        var read = await inner.ReadAsync(buffer, cancellationToken);
        BytesRead += read;
        return read;
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Flush()
    {
    }
}
