using System.Buffers;

namespace LlmProxy.Proxying;

/// <summary>
/// A copy of a request's body as it passes, for counting its prompt should the answer not say what was used. Bounded,
/// each and all together; what does not fit is only counted in bytes.
/// </summary>
internal sealed class BodyCapture : IDisposable
{
    private const int BytesMax = 1024 * 1024;
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

    public void Add(in ReadOnlySequence<byte> piece)
    {
        if (BytesBeyond > 0 || !TryMakeRoom(piece.Length))
        {
            BytesBeyond += piece.Length;
            return;
        }

        piece.CopyTo(_bytes.AsSpan(_length));
        _length += (int)piece.Length;
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

    private bool TryMakeRoom(long more)
    {
        var needed = _length + more;
        if (needed > BytesMax)
        {
            return false;
        }

        if (needed <= _bytes.Length)
        {
            return true;
        }

        var larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(BytesMax, Math.Max(FirstBytes, 2 * needed)));
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
