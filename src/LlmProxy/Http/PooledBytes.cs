using System.Buffers;
using System.Runtime.InteropServices;

namespace LlmProxy.Http;

/// <summary>Bytes that grow in a buffer from the pool, which is rented with the first of them.</summary>
[StructLayout(LayoutKind.Auto)]
internal struct PooledBytes
{
    private const int FirstRent = 256;

    private byte[]? _bytes;

    public int Length { get; private set; }

    public readonly ReadOnlySpan<byte> Span => _bytes.AsSpan(0, Length);

    public void Append(ReadOnlySpan<byte> part)
    {
        if (part.IsEmpty)
        {
            return;
        }

        var length = Length + part.Length;
        if (_bytes is null || length > _bytes.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(length, Math.Max(FirstRent, 2 * Length)));
            Span.CopyTo(larger);
            Return();
            _bytes = larger;
        }

        part.CopyTo(_bytes.AsSpan(length - part.Length));
        Length = length;
    }

    /// <summary>Takes the place of what was there, in a buffer that is no larger than it must be.</summary>
    public void Set(ReadOnlySpan<byte> whole)
    {
        if (_bytes is null || whole.Length > _bytes.Length)
        {
            Return();
            _bytes = ArrayPool<byte>.Shared.Rent(whole.Length);
        }

        whole.CopyTo(_bytes);
        Length = whole.Length;
    }

    /// <summary>Keeps the buffer.</summary>
    public void Clear() => Length = 0;

    /// <summary>Gives the buffer back; nothing is there any more.</summary>
    public void Return()
    {
        if (_bytes is { } bytes)
        {
            (_bytes, Length) = (null, 0);
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }
}
