using System.Globalization;
using System.Text;

namespace LlmProxy.EndToEnd.Fixtures;

/// <summary>
/// A message body as it came over the wire, without its framing. It is incomplete when the connection ended before
/// the framing said so; the sizes are those of its chunks, if it was chunked.
/// </summary>
internal sealed record WireBody(byte[] Content, string Trailers, bool IsComplete, IReadOnlyList<int> ChunkSizes)
{
    public static readonly WireBody None = new([], string.Empty, IsComplete: true, []);

    public string Text => Encoding.UTF8.GetString(Content);
}

/// <summary>The first line and the header lines of a message, byte for byte (as Latin-1).</summary>
internal sealed class WireHead
{
    public WireHead(string text)
    {
        Text = text;
        var lines = text.Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        FirstLine = lines[0];
        Headers =
        [
            .. lines.Skip(1).Select(static line => line.Split(':', 2))
                .Select(static pair => (pair[0], pair[^1].Trim(' ', '\t'))),
        ];
    }

    public string Text { get; }

    public string FirstLine { get; }

    public IReadOnlyList<(string Name, string Value)> Headers { get; }

    /// <summary>The values of one header, in their order.</summary>
    public string[] Values(string name) =>
    [
        .. Headers.Where(header => header.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            .Select(static header => header.Value),
    ];

    public string? Value(string name) => Values(name) is [var only] ? only : null;

    public bool Has(string name) => Values(name).Length > 0;

    public bool IsChunked =>
        Value("Transfer-Encoding")?.Contains("chunked", StringComparison.OrdinalIgnoreCase) == true;

    public long? ContentLength =>
        long.TryParse(Value("Content-Length"), NumberStyles.None, CultureInfo.InvariantCulture, out var length)
            ? length
            : null;
}

/// <summary>
/// Reads HTTP/1.1 messages from a connection, as literally as possible, for both ends of the proxy. It is a
/// witness, not a library: it forgives nothing and hides nothing.
/// </summary>
internal sealed class WireReader(Stream stream)
{
    private byte[] _buffer = new byte[64 * 1024];
    private int _start;
    private int _end;

    /// <summary>The next head with its closing empty line; null when the connection ends before it does.</summary>
    public async ValueTask<WireHead?> ReadHeadAsync(CancellationToken cancel)
    {
        var searched = 0;
        while (true)
        {
            var found = _buffer.AsSpan(_start + searched, _end - _start - searched).IndexOf("\r\n\r\n"u8);
            if (found >= 0)
            {
                var text = Encoding.Latin1.GetString(_buffer, _start, searched + found + 4);
                _start += searched + found + 4;
                return new WireHead(text);
            }

            searched = Math.Max(0, _end - _start - 3);
            if (!await FillAsync(cancel))
            {
                return null;
            }
        }
    }

    /// <summary>The body that follows the head, framed as the head says.</summary>
    public async ValueTask<WireBody> ReadBodyAsync(WireHead head, bool untilClose, CancellationToken cancel) =>
        head switch
        {
            { IsChunked: true } => await ReadChunkedAsync(cancel),
            { ContentLength: { } length } => await ReadLengthAsync(length, cancel),
            _ when untilClose => await ReadUntilCloseAsync(cancel),
            _ => WireBody.None,
        };

    /// <summary>Everything until the other side closes (or resets: <c>IsComplete</c> says which).</summary>
    public async ValueTask<WireBody> ReadUntilCloseAsync(CancellationToken cancel)
    {
        var content = new List<byte>();
        try
        {
            do
            {
                content.AddRange(_buffer.AsSpan(_start, _end - _start));
                _start = _end;
            }
            while (await FillAsync(cancel));
        }
        catch (IOException)
        {
            return new WireBody([.. content], string.Empty, IsComplete: false, []);
        }

        return new WireBody([.. content], string.Empty, IsComplete: true, []);
    }

    /// <summary>At least one byte, or none at the end of the connection.</summary>
    public async ValueTask<byte[]> ReadSomeAsync(CancellationToken cancel)
    {
        if (_start == _end && !await FillAsync(cancel))
        {
            return [];
        }

        var some = _buffer[_start.._end];
        _start = _end;
        return some;
    }

    private async ValueTask<WireBody> ReadLengthAsync(long length, CancellationToken cancel)
    {
        var content = new byte[length];
        var read = await ReadIntoAsync(content, cancel);
        return new WireBody(content[..read], string.Empty, read == length, []);
    }

    private async ValueTask<WireBody> ReadChunkedAsync(CancellationToken cancel)
    {
        var content = new List<byte>();
        var sizes = new List<int>();
        while (await ReadLineAsync(cancel) is { } line)
        {
            var digits = line.Split(';')[0];
            if (!int.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var size))
            {
                break;
            }

            if (size == 0)
            {
                return await ReadTrailersAsync(cancel) is { } trailers
                    ? new WireBody([.. content], trailers, IsComplete: true, sizes)
                    : new WireBody([.. content], string.Empty, IsComplete: false, sizes);
            }

            sizes.Add(size);
            var chunk = new byte[size];
            var read = await ReadIntoAsync(chunk, cancel);
            content.AddRange(chunk.AsSpan(0, read));
            if (read < size || await ReadLineAsync(cancel) is not "")
            {
                break;
            }
        }

        return new WireBody([.. content], string.Empty, IsComplete: false, sizes);
    }

    private async ValueTask<string?> ReadTrailersAsync(CancellationToken cancel)
    {
        var trailers = new StringBuilder();
        while (await ReadLineAsync(cancel) is { } line)
        {
            if (line.Length == 0)
            {
                return trailers.ToString();
            }

            trailers.Append(line).Append("\r\n");
        }

        return null;
    }

    private async ValueTask<string?> ReadLineAsync(CancellationToken cancel)
    {
        while (true)
        {
            var found = _buffer.AsSpan(_start, _end - _start).IndexOf("\r\n"u8);
            if (found >= 0)
            {
                var line = Encoding.Latin1.GetString(_buffer, _start, found);
                _start += found + 2;
                return line;
            }

            if (!await FillOrEndAsync(cancel))
            {
                return null;
            }
        }
    }

    private async ValueTask<int> ReadIntoAsync(byte[] target, CancellationToken cancel)
    {
        var written = 0;
        while (written < target.Length && (_end > _start || await FillOrEndAsync(cancel)))
        {
            var count = Math.Min(_end - _start, target.Length - written);
            Array.Copy(_buffer, _start, target, written, count);
            _start += count;
            written += count;
        }

        return written;
    }

    /// <summary>A reset in the middle of a body is an incomplete body, not an error of the test.</summary>
    private async ValueTask<bool> FillOrEndAsync(CancellationToken cancel)
    {
        try
        {
            return await FillAsync(cancel);
        }
        catch (IOException)
        {
            return false;
        }
    }

    private async ValueTask<bool> FillAsync(CancellationToken cancel)
    {
        if (_start > 0 && _end == _buffer.Length)
        {
            Array.Copy(_buffer, _start, _buffer, 0, _end - _start);
            (_start, _end) = (0, _end - _start);
        }

        if (_end == _buffer.Length)
        {
            Array.Resize(ref _buffer, _buffer.Length * 2);
        }

        var read = await stream.ReadAsync(_buffer.AsMemory(_end), cancel);
        _end += read;
        return read > 0;
    }
}
