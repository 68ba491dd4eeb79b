using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace LlmProxy.Caching.Redis;

/// <summary>Writes what <see cref="ByteReader"/> reads: big-endian numbers, and texts behind their lengths.</summary>
internal sealed class ByteWriter(int sizeHint)
{
    private readonly ArrayBufferWriter<byte> _bytes = new(sizeHint);

    public ReadOnlySpan<byte> Written => _bytes.WrittenSpan;

    public void Byte(byte value) => Raw([value]);

    public void Int32(int value)
    {
        BinaryPrimitives.WriteInt32BigEndian(_bytes.GetSpan(sizeof(int)), value);
        _bytes.Advance(sizeof(int));
    }

    public void Int64(long value)
    {
        BinaryPrimitives.WriteInt64BigEndian(_bytes.GetSpan(sizeof(long)), value);
        _bytes.Advance(sizeof(long));
    }

    public void Guid(Guid value)
    {
        value.TryWriteBytes(_bytes.GetSpan(16));
        _bytes.Advance(16);
    }

    public void Digest(Digest value)
    {
        value.Write(_bytes.GetSpan(Caching.Digest.Length));
        _bytes.Advance(Caching.Digest.Length);
    }

    /// <summary>A count or a length: seven bits a byte, the lowest first (LEB128).</summary>
    public void Count(int value)
    {
        for (var rest = (uint)value; ; rest >>= 7)
        {
            if (rest < 0x80)
            {
                Byte((byte)rest);
                return;
            }

            Byte((byte)(rest | 0x80));
        }
    }

    /// <summary>
    /// Any text, without loss: a byte a character where that is enough, as in all of HTTP's heads, else two.
    /// </summary>
    public void Text(string value)
    {
        var isWide = value.AsSpan().ContainsAnyExceptInRange('\0', '\u00ff');
        Count((value.Length << 1) | (isWide ? 1 : 0));
        if (isWide)
        {
            Raw(MemoryMarshal.AsBytes(value.AsSpan()));
            return;
        }

        _bytes.Advance(Encoding.Latin1.GetBytes(value, _bytes.GetSpan(value.Length)));
    }

    public void Raw(ReadOnlySpan<byte> value) => _bytes.Write(value);
}
