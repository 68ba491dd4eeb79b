using System.Buffers.Binary;
using System.Net;

namespace LlmProxy.Http;

/// <summary>
/// An address as one number. IPv4 is its IPv4-mapped IPv6 form (RFC 4291 §2.5.5.2), so an address is the same number
/// whichever way it came.
/// </summary>
internal static class AddressNumber
{
    private const int IPv4Bits = 32;
    private const uint MappedPrefix = 0xFFFF;

    public static UInt128 Of(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out var length);
        return length == sizeof(uint)
            ? (UInt128)MappedPrefix << IPv4Bits | BinaryPrimitives.ReadUInt32BigEndian(bytes)
            : BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }

    public static bool IsIPv4(UInt128 number) => number >> IPv4Bits == MappedPrefix;

    /// <summary>
    /// The number that stands for whoever speaks from the address. An IPv6 host owns a /64 and may speak from any
    /// address in it, so the /64 is what is counted. 0 when the address is not known.
    /// </summary>
    public static UInt128 OfHost(IPAddress? address)
    {
        if (address is null)
        {
            return UInt128.Zero;
        }

        var number = Of(address);
        return IsIPv4(number) ? number : number >> 64 << 64;
    }
}
