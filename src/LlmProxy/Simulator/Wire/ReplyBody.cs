using System.IO.Compression;
using System.Text;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace LlmProxy.Simulator.Wire;

/// <summary>
/// The one way out for an answer. Sends it as it is, or with the faults that the request asked for; a cut or a client
/// that left ends the request with <see cref="OperationCanceledException"/>.
/// </summary>
internal sealed class ReplyBody(HttpContext http, Faults faults, ReplyHeaders headers, TimeProvider clock)
    : IAsyncDisposable
{
    // A hang that nobody ends must not hold a connection for ever.
    private static readonly TimeSpan HangMax = TimeSpan.FromMinutes(15);

    private readonly bool _isPlain = ReferenceEquals(faults, Faults.None);

    private bool _hasBegun;
    private long _bytesWritten;
    private int _events;
    private MemoryStream? _packed;
    private Stream? _packer;

    /// <summary>The simulator itself broke the connection, so this is not a client that left.</summary>
    public bool WasCut { get; private set; }

    /// <summary>The words of the answer that were written so far.</summary>
    public long WordsWritten { get; private set; }

    /// <summary>Counts words that were written past this, or forgets them with a negative number.</summary>
    public void CountWords(long words) => WordsWritten += words;

    /// <summary>Sends a whole body with its length, and ends it.</summary>
    public async ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
    {
        var hasLength = faults.Coding is null && faults.Trailers.Count == 0;
        http.Response.ContentLength = hasLength ? bytes.Length : null;
        if (_isPlain)
        {
            headers.Write(http.Response, faults);
            await http.Response.BodyWriter.WriteAsync(bytes);
            return;
        }

        // A hang in the body needs a body of which something is still to come.
        var pieceMax = faults.HangInBody ? Math.Max(1, bytes.Length / 2) : bytes.Length;
        await BeginAsync();
        var packed = await PackAsync(bytes);
        await WriteInPiecesAsync(faults.IsPackedBodyTruncated ? packed[..(packed.Length / 2)] : packed, pieceMax);
        await EndAsync();
    }

    /// <summary>Sends one part of a body, such as an event, at once.</summary>
    /// <param name="bytes">The part.</param>
    /// <param name="words">How many words of the answer it holds.</param>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, int words = 0)
    {
        http.RequestAborted.ThrowIfCancellationRequested();
        if (!_hasBegun)
        {
            await BeginAsync();
        }

        if (_isPlain)
        {
            await http.Response.BodyWriter.WriteAsync(bytes, http.RequestAborted);
            WordsWritten += words;
            return;
        }

        await WriteInPiecesAsync(await PackAsync(bytes), int.MaxValue);
        WordsWritten += words;
        if (++_events == faults.CutAfterEvents)
        {
            await CutAsync();
        }
    }

    /// <summary>Ends the body in good order; nothing may be written after it.</summary>
    public async ValueTask EndAsync()
    {
        if (!_hasBegun)
        {
            await BeginAsync();
        }

        if (_packer is not null && !faults.IsPackedBodyTruncated)
        {
            await _packer.DisposeAsync();
            await WriteInPiecesAsync(TakePacked(), int.MaxValue);
        }

        if (faults.Trailers.Count > 0)
        {
            await http.Response.BodyWriter.FlushAsync(http.RequestAborted);
            var lines = new StringBuilder();
            foreach (var (name, value) in faults.Trailers)
            {
                lines.Append(name).Append(": ").Append(value).Append("\r\n");
            }

            http.Features.GetRequiredFeature<ObservedConnection>().AddTrailers(lines.ToString());
        }
    }

    public ValueTask DisposeAsync() => _packer?.DisposeAsync() ?? ValueTask.CompletedTask;

    private async ValueTask BeginAsync()
    {
        _hasBegun = true;
        headers.Write(http.Response, faults);
        if (_isPlain)
        {
            return;
        }

        if (faults.EarlyHints is { } link)
        {
            // Kestrel has no call for informational answers. Nothing is under way yet, so the transport is free.
            var transport = http.Features.GetRequiredFeature<IConnectionTransportFeature>().Transport;
            var head = Encoding.Latin1.GetBytes($"HTTP/1.1 103 Early Hints\r\nLink: {link}\r\n\r\n");
            await transport.Output.WriteAsync(head, http.RequestAborted);
        }

        await Task.Delay(faults.Delay, clock, http.RequestAborted);
        if (faults.HangBeforeHeaders)
        {
            await Task.Delay(HangMax, clock, http.RequestAborted);
        }

        if (faults.CutBeforeHeaders)
        {
            Abort();
        }

        if (faults.Coding is { } coding)
        {
            http.Response.Headers.ContentEncoding = coding;
            _packed = new();
            _packer = coding == "br"
                ? new BrotliStream(_packed, CompressionLevel.Fastest, leaveOpen: true)
                : new GZipStream(_packed, CompressionLevel.Fastest, leaveOpen: true);
        }

        if (faults.CutAfterBytes == 0)
        {
            await CutAsync();
        }
    }

    private async ValueTask<ReadOnlyMemory<byte>> PackAsync(ReadOnlyMemory<byte> bytes)
    {
        if (_packer is null)
        {
            return bytes;
        }

        // Flushed each time: an event that stays inside the compressor would not be a stream.
        await _packer.WriteAsync(bytes, http.RequestAborted);
        await _packer.FlushAsync(http.RequestAborted);
        return TakePacked();
    }

    private ReadOnlyMemory<byte> TakePacked()
    {
        var bytes = _packed!.ToArray();
        _packed.SetLength(0);
        return bytes;
    }

    private async ValueTask WriteInPiecesAsync(ReadOnlyMemory<byte> bytes, int pieceMax)
    {
        pieceMax = Math.Min(pieceMax, faults.ChunkBytes ?? int.MaxValue);
        while (bytes.Length > 0)
        {
            if (_bytesWritten > 0)
            {
                await PauseAsync();
            }

            var left = faults.CutAfterBytes - _bytesWritten ?? long.MaxValue;
            var piece = bytes[..(int)Math.Min(Math.Min(bytes.Length, pieceMax), left)];
            await http.Response.BodyWriter.WriteAsync(piece, http.RequestAborted);
            bytes = bytes[piece.Length..];
            _bytesWritten += piece.Length;
            if (_bytesWritten == faults.CutAfterBytes)
            {
                await CutAsync();
            }
        }
    }

    private Task PauseAsync() =>
        Task.Delay(faults.HangInBody ? HangMax : faults.ChunkDelay, clock, http.RequestAborted);

    private async ValueTask CutAsync()
    {
        await http.Response.BodyWriter.FlushAsync(http.RequestAborted);
        Abort();
    }

    private void Abort()
    {
        WasCut = true;
        http.Abort();
        throw new OperationCanceledException("The request asked for an answer that is cut off.");
    }
}
