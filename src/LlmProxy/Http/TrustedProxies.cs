using System.Globalization;
using System.Net;

namespace LlmProxy.Http;

/// <summary>The proxies before this one whose <c>X-Forwarded-For</c> is believed.</summary>
internal sealed class TrustedProxies
{
    /// <summary>Completes "must be …" in a complaint.</summary>
    public const string Expected =
        "a list of addresses and blocks without host bits, with commas between, such as 10.0.0.0/8, 2001:db8::1";

    public static readonly TrustedProxies None = new([]);

    private const int EntriesMax = 1_000;

    private readonly Block[] _blocks;

    private TrustedProxies(Block[] blocks) => _blocks = blocks;

    public bool IsEmpty => _blocks.Length == 0;

    /// <summary>Null when one of the entries is neither an address nor a block.</summary>
    public static TrustedProxies? Parse(string text)
    {
        if (text.Length == 0)
        {
            return None;
        }

        var entries = text.Split(',', StringSplitOptions.TrimEntries);
        var blocks = entries.Take(EntriesMax + 1).Select(Block.Parse).OfType<Block>().ToArray();
        return blocks.Length == entries.Length && blocks.Length <= EntriesMax ? new(blocks) : null;
    }

    public bool Contains(IPAddress address)
    {
        var number = AddressNumber.Of(address);
        foreach (var block in _blocks)
        {
            if (block.Contains(number))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Addresses in CIDR notation (RFC 4632 §3.1, RFC 4291 §2.3); one address is the smallest block.</summary>
    private sealed record Block(UInt128 First, UInt128 Mask)
    {
        private const int Bits = 128;
        private const int BitsBeforeIPv4 = 96;

        // Without it, ::/0 would hold all of IPv4 too, because IPv4 addresses lie in IPv6 here.
        private readonly bool _isIPv4 = AddressNumber.IsIPv4(First);

        public bool Contains(UInt128 number) =>
            (number & Mask) == First && AddressNumber.IsIPv4(number) == _isIPv4;

        public static Block? Parse(string text)
        {
            var slash = text.IndexOf('/', StringComparison.Ordinal);
            if (!ClientAddress.TryParse(slash < 0 ? text : text[..slash], out var address))
            {
                return null;
            }

            // An IPv4-mapped block counts its bits as IPv6 does.
            var before = text.Contains(':', StringComparison.Ordinal) ? 0 : BitsBeforeIPv4;
            var bits = Bits - before;
            if (slash >= 0 && (!int.TryParse(
                text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out bits)
                || bits > Bits - before))
            {
                return null;
            }

            var length = bits + before;
            var mask = length == 0 ? UInt128.Zero : UInt128.MaxValue << (Bits - length);
            var first = AddressNumber.Of(address);

            // Host bits in a block are more often a slip than meant, and here a slip would trust a stranger.
            return (first & mask) == first ? new Block(first, mask) : null;
        }
    }
}
