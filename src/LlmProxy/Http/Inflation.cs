using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace LlmProxy.Http;

/// <summary>
/// Inflates compressed bytes that come in pieces: <see cref="Feed"/> takes some, and <see cref="Next"/> gives what
/// they inflate to, block by block until it is empty. What inflates beyond all reason is no longer read.
/// </summary>
internal sealed class Inflation(ContentCoding coding) : IDisposable
{
    /// <summary>The most that <see cref="Feed"/> takes at once.</summary>
    public const int FeedBytesMax = 16 * 1024;

    // A stream of events shrinks to a twentieth, a list of equal ones to a hundredth; a bomb to a thousandth.
    private const long InflatedPerFeedMax = 1024 * 1024;
    private const long InflatedFree = 1024 * 1024;
    private const long RatioMax = 100;

    private const int BlockBytes = 8 * 1024;

    // 8 MiB, the largest window that may be used in HTTP (RFC 9659).
    private const int ZstandardWindowLog = 23;

    // Ten of head, two of an empty body, eight of check sum and length (RFC 1952).
    private const int GzipBytesMin = 20;

    private readonly FeedStream _feed = new();
    private readonly byte[] _tail = new byte[sizeof(uint)];
    private byte[] _block = ArrayPool<byte>.Shared.Rent(BlockBytes);
    private Stream? _stream;
    private BrotliDecoder _brotli;
    private Decompressor? _zstandard;
    private long _compressed;
    private long _inflated;
    private long _inflatedOfFeed;
    private bool _isDone;
    private bool _hasMore;

    /// <summary>It is no such compression, or a bomb.</summary>
    public bool IsBroken { get; private set; }

    public void Feed(ReadOnlySpan<byte> slice)
    {
        if (slice.IsEmpty)
        {
            return;
        }

        if (_compressed == 0)
        {
            Begin(slice[0]);
        }

        _feed.Fill(slice);
        _compressed += slice.Length;
        _inflatedOfFeed = 0;
        KeepTail(slice);
    }

    /// <summary>What comes next, good until the next call; empty when more must be fed first.</summary>
    public ReadOnlySpan<byte> Next()
    {
        if (IsBroken || _compressed == 0)
        {
            return default;
        }

        var length = Inflate();
        _inflated += length;
        _inflatedOfFeed += length;
        if (_inflatedOfFeed > InflatedPerFeedMax || _inflated > InflatedFree + (RatioMax * _compressed))
        {
            IsBroken = true;
            return default;
        }

        return _block.AsSpan(0, length);
    }

    /// <summary>Whether all of it was there, after the last block. Nothing at all is complete.</summary>
    public bool IsComplete()
    {
        if (_compressed == 0)
        {
            return true;
        }

        switch (coding)
        {
            case ContentCoding.Brotli or ContentCoding.Zstandard:
                return _isDone;
            case ContentCoding.Gzip:
                // The decoder does not tell: after a member it asks for more, as there may be another one. The last
                // four bytes do: they are the length of what was compressed.
                return _compressed >= GzipBytesMin
                    && BinaryPrimitives.ReadUInt32LittleEndian(_tail) == unchecked((uint)_inflated);
            default:
                _feed.WasAsked = false;
                return Inflate() == 0 && !_feed.WasAsked;
        }
    }

    public void Dispose()
    {
        _stream?.Dispose();
        _feed.Dispose();
        _brotli.Dispose();
        _zstandard?.Dispose();
        if (_block.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_block);
            _block = [];
        }

        IsBroken = true;
    }

    private void Begin(byte first)
    {
        _stream = coding switch
        {
            ContentCoding.Gzip => new GZipStream(_feed, CompressionMode.Decompress, leaveOpen: true),

            // "deflate" means zlib, but some servers send it bare. The first byte tells: method 8 (RFC 1950).
            ContentCoding.Deflate when (first & 0xF) == 8 =>
                new ZLibStream(_feed, CompressionMode.Decompress, leaveOpen: true),
            ContentCoding.Deflate => new DeflateStream(_feed, CompressionMode.Decompress, leaveOpen: true),
            _ => null,
        };
        if (coding == ContentCoding.Zstandard)
        {
            _zstandard = new Decompressor();
            _zstandard.SetParameter(ZSTD_dParameter.ZSTD_d_windowLogMax, ZstandardWindowLog);
        }
    }

    private int Inflate()
    {
        try
        {
#pragma warning disable MA0045 // The bytes are in memory: nothing is waited for.
            return _stream is null ? Decode() : _stream.Read(_block, 0, BlockBytes);
#pragma warning restore MA0045
        }
        catch (Exception failure) when (failure is InvalidDataException or IOException or ZstdException)
        {
            IsBroken = true;
            return 0;
        }
    }

    private int Decode()
    {
        // Brotli has one end; a zstandard frame may be followed by another (RFC 8878 section 3), or bring nothing.
        var block = _block.AsSpan(0, BlockBytes);
        while ((_hasMore || !_feed.Unread.IsEmpty) && !(_isDone && _zstandard is null) && !IsBroken)
        {
            int read, written;
            var state = _zstandard is null
                ? _brotli.Decompress(_feed.Unread, block, out read, out written)
                : _zstandard.UnwrapStream(_feed.Unread, block, out read, out written);
            _feed.Skip(read);
            _isDone = state == OperationStatus.Done;
            _hasMore = state == OperationStatus.DestinationTooSmall;
            IsBroken |= state == OperationStatus.InvalidData;
            if (written > 0 || read == 0)
            {
                return written;
            }
        }

        return 0;
    }

    private void KeepTail(ReadOnlySpan<byte> slice)
    {
        if (slice.Length >= _tail.Length)
        {
            slice[^_tail.Length..].CopyTo(_tail);
            return;
        }

        _tail.AsSpan(slice.Length).CopyTo(_tail);
        slice.CopyTo(_tail.AsSpan(_tail.Length - slice.Length));
    }

    /// <summary>
    /// What a decoder reads from. When it is read up it says that it has ended, and goes on when there is more: the
    /// decoders of System.IO.Compression take that as "nothing now".
    /// </summary>
    private sealed class FeedStream : Stream
    {
        private byte[] _bytes = ArrayPool<byte>.Shared.Rent(FeedBytesMax);
        private int _position;
        private int _length;

        /// <summary>Somebody wanted bytes that were not there.</summary>
        public bool WasAsked { get; set; }

        public ReadOnlySpan<byte> Unread => _bytes.AsSpan(_position, _length - _position);

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public void Fill(ReadOnlySpan<byte> slice)
        {
            slice.CopyTo(_bytes);
            (_position, _length) = (0, slice.Length);
        }

        public void Skip(int count) => _position += count;

        public override int Read(Span<byte> buffer)
        {
            var taken = Unread[..Math.Min(buffer.Length, Unread.Length)];
            WasAsked |= taken.IsEmpty;
            taken.CopyTo(buffer);
            _position += taken.Length;
            return taken.Length;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (_bytes.Length > 0)
            {
                ArrayPool<byte>.Shared.Return(_bytes);
                (_bytes, _position, _length) = ([], 0, 0);
            }

            base.Dispose(disposing);
        }
    }
}
