using System.Buffers;

namespace LlmProxy.Proxying;

/// <summary>
/// The beginning of a body, copied as it passes: for counting its prompt should the answer not say what was used, and
/// for events. Bounded, each and all together; what does not fit is only counted in bytes.
/// </summary>
/// <param name="bytesMax">How much is kept.</param>
internal sealed class BodyCapture(int bytesMax = BodyCapture.CountedBytesMax) : IDisposable
{
    private const int CountedBytesMax = 1024 * 1024;
    private const long AllBytesMax = 64L * 1024 * 1024;
    private const int FirstBytes = 4 * 1024;

    // Rented by all captures together. Interlocked.
    private static long _rented;

    private byte[] _bytes = [];
    private int _length;

    /// <summary>How much was too much to keep.</summary>
    public long BytesBeyond { get; private set; }

    /// <summary>What was kept: all of it unless <see cref="BytesBeyond"/> says otherwise.</summary>
    public ReadOnlySequence<byte> Body => new(_bytes, 0, _length);

    public Span<byte> Bytes => _bytes.AsSpan(0, _length);

    public void Add(in ReadOnlySequence<byte> pieces)
    {
        foreach (var piece in pieces)
        {
            Add(piece.Span);
        }
    }

    public void Add(ReadOnlySpan<byte> piece)
    {
        var kept = piece[..Math.Min(piece.Length, BytesBeyond > 0 ? 0 : bytesMax - _length)];
        if (!TryMakeRoom(kept.Length))
        {
            kept = default;
        }

        kept.CopyTo(_bytes.AsSpan(_length));
        _length += kept.Length;
        BytesBeyond += piece.Length - kept.Length;
    }

    public void Dispose()
    {
        if (_bytes.Length > 0)
        {
            Interlocked.Add(ref _rented, -_bytes.Length);
            ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = [];
            _length = 0;
        }
    }

    private bool TryMakeRoom(int more)
    {
        var needed = _length + more;
        if (needed <= _bytes.Length)
        {
            return true;
        }

        var larger = ArrayPool<byte>.Shared.Rent(Math.Min(bytesMax, Math.Max(FirstBytes, 2 * needed)));
        if (Interlocked.Add(ref _rented, larger.Length) > AllBytesMax)
        {
            Interlocked.Add(ref _rented, -larger.Length);
            ArrayPool<byte>.Shared.Return(larger);
            return false;
        }

        _bytes.AsSpan(0, _length).CopyTo(larger);
        Interlocked.Add(ref _rented, -_bytes.Length);
        if (_bytes.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
        }

        _bytes = larger;
        return true;
    }
}
