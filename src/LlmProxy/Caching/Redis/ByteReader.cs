using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace LlmProxy.Caching.Redis;

/// <summary>
/// Reads what <see cref="ByteWriter"/> wrote, and anything else without harm: from the first thing on that cannot be,
/// it has failed and answers nothing but zeros. It allocates no more than a small multiple of what it is given.
/// </summary>
internal ref struct ByteReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;

    public bool HasFailed { get; private set; }

    /// <summary>All of it was read, and it was right.</summary>
    public readonly bool IsAtEnd => !HasFailed && _rest.IsEmpty;

    public byte Byte() => Take(1) is [var value] ? value : (byte)0;

    public int Int32() =>
        Take(sizeof(int)) is { IsEmpty: false } taken ? BinaryPrimitives.ReadInt32BigEndian(taken) : 0;

    public long Int64() =>
        Take(sizeof(long)) is { IsEmpty: false } taken ? BinaryPrimitives.ReadInt64BigEndian(taken) : 0;

    public Guid Guid() => Take(16) is { IsEmpty: false } taken ? new Guid(taken) : default;

    public Digest Digest() =>
        Take(Caching.Digest.Length) is { IsEmpty: false } taken ? Caching.Digest.Read(taken) : default;

    /// <summary>How many things follow that take a byte each at least.</summary>
    public int Count()
    {
        var count = Number();
        return count <= _rest.Length ? count : Fail();
    }

    public string Text()
    {
        var head = Number();
        var isWide = (head & 1) != 0;
        var length = head >> 1;
        if (length > _rest.Length)
        {
            Fail();
            return string.Empty;
        }

        var taken = Take(isWide ? length * sizeof(char) : length);
        return isWide ? new string(MemoryMarshal.Cast<byte, char>(taken)) : Encoding.Latin1.GetString(taken);
    }

    /// <summary>Everything that is left.</summary>
    public ReadOnlySpan<byte> Rest() => Take(_rest.Length);

    public int Fail()
    {
        HasFailed = true;
        _rest = default;
        return 0;
    }

    private int Number()
    {
        var value = 0;
        for (var shift = 0; shift < 28; shift += 7)
        {
            var part = Byte();
            value |= (part & 0x7F) << shift;
            if (part < 0x80)
            {
                return value;
            }
        }

        // The fifth byte may hold what is left of 31 bits.
        var last = Byte();
        return last < 0x08 ? value | (last << 28) : Fail();
    }

    private ReadOnlySpan<byte> Take(int length)
    {
        if (length > _rest.Length)
        {
            Fail();
            return default;
        }

        var taken = _rest[..length];
        _rest = _rest[length..];
        return taken;
    }
}
