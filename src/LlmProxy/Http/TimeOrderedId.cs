using System.Buffers.Binary;
using System.Security.Cryptography;

namespace LlmProxy.Http;

/// <summary>
/// UUIDv7 (RFC 9562 §5.7), as <see cref="Guid.CreateVersion7(DateTimeOffset)"/> makes them, for what every request
/// needs: its random bits are taken from a supply of each thread, because asking the system for each id costs a
/// request more than a microsecond.
/// </summary>
internal static class TimeOrderedId
{
    private const int RandomBytes = 10;
    private const int SupplyIds = 100;

    [ThreadStatic]
    private static byte[]? _supply;

    [ThreadStatic]
    private static int _left;

    public static Guid New(DateTimeOffset now)
    {
        if (_left == 0)
        {
            _supply ??= new byte[RandomBytes * SupplyIds];
            RandomNumberGenerator.Fill(_supply);
            _left = SupplyIds;
        }

        _left--;
        var random = _supply.AsSpan(_left * RandomBytes, RandomBytes);
        Span<byte> id = stackalloc byte[16];
        BinaryPrimitives.WriteInt64BigEndian(id, now.ToUnixTimeMilliseconds() << 16);
        random.CopyTo(id[6..]);
        id[6] = (byte)((id[6] & 0x0F) | 0x70);
        id[8] = (byte)((id[8] & 0x3F) | 0x80);
        return new Guid(id, bigEndian: true);
    }
}
