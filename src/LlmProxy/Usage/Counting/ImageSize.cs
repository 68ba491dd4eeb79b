using System.Buffers.Binary;
using System.Buffers.Text;
using System.Runtime.InteropServices;

namespace LlmProxy.Usage.Counting;

/// <summary>Width and height of a picture, in pixels, from the first bytes of its file.</summary>
/// <remarks>Sources: PNG §11.2.1, GIF89a §18, RFC 9649 (WebP), ITU-T T.81 §B.2.2 (JPEG).</remarks>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct ImageSize(int Width, int Height)
{
    // A JPEG may have a preview and colour profiles before its size.
    private const int HeaderBytesMax = 256 * 1024;

    /// <summary>Null for anything but a base64 data URL of a PNG, JPEG, GIF or WebP file.</summary>
    public static ImageSize? OfDataUrl(ReadOnlySpan<byte> url)
    {
        var comma = url.IndexOf((byte)',');
        return comma > 0 && url.StartsWith("data:"u8) && url[..comma].EndsWith(";base64"u8)
            ? OfBase64(url[(comma + 1)..])
            : null;
    }

    public static ImageSize? OfBase64(ReadOnlySpan<byte> text)
    {
        var isCut = text.Length > HeaderBytesMax / 3 * 4;
        text = isCut ? text[..(HeaderBytesMax / 3 * 4)] : text;
        var file = new byte[Base64.GetMaxDecodedFromUtf8Length(text.Length)];
        Base64.DecodeFromUtf8(text, file, out _, out var length, isFinalBlock: !isCut);
        return Of(file.AsSpan(0, length));
    }

    public static ImageSize? Of(ReadOnlySpan<byte> file)
    {
        var size = file switch
        {
            [0x89, (byte)'P', (byte)'N', (byte)'G', _, _, _, _, ..] when file.Length >= 24 => new ImageSize(
                BinaryPrimitives.ReadInt32BigEndian(file[16..]), BinaryPrimitives.ReadInt32BigEndian(file[20..])),
            [(byte)'G', (byte)'I', (byte)'F', (byte)'8', ..] when file.Length >= 10 => new ImageSize(
                BinaryPrimitives.ReadUInt16LittleEndian(file[6..]), BinaryPrimitives.ReadUInt16LittleEndian(file[8..])),
            [(byte)'R', (byte)'I', (byte)'F', (byte)'F', ..] when file.Length >= 30 => OfWebP(file[12..]),
            [0xff, 0xd8, 0xff, ..] => OfJpeg(file[2..]),
            _ => default,
        };
        return size is { Width: > 0, Height: > 0 } ? size : null;
    }

    private static ImageSize OfWebP(ReadOnlySpan<byte> chunk)
    {
        if (chunk.StartsWith("VP8X"u8))
        {
            return new ImageSize(1 + ReadThree(chunk[12..]), 1 + ReadThree(chunk[15..]));
        }

        if (chunk.StartsWith("VP8L"u8))
        {
            var bits = BinaryPrimitives.ReadUInt32LittleEndian(chunk[9..]);
            return new ImageSize(1 + (int)(bits & 0x3fff), 1 + (int)((bits >> 14) & 0x3fff));
        }

        return chunk.StartsWith("VP8 "u8)
            ? new ImageSize(
                BinaryPrimitives.ReadUInt16LittleEndian(chunk[14..]) & 0x3fff,
                BinaryPrimitives.ReadUInt16LittleEndian(chunk[16..]) & 0x3fff)
            : default;
    }

    private static int ReadThree(ReadOnlySpan<byte> bytes) => bytes[0] | (bytes[1] << 8) | (bytes[2] << 16);

    private static ImageSize OfJpeg(ReadOnlySpan<byte> rest)
    {
        while (rest.Length >= 9 && rest[0] == 0xff)
        {
            var marker = rest[1];
            if (marker is 0xff)
            {
                rest = rest[1..];
                continue;
            }

            // Start of frame, of any kind but the four that are tables.
            if (marker is >= 0xc0 and <= 0xcf and not (0xc4 or 0xc8 or 0xcc))
            {
                return new ImageSize(
                    BinaryPrimitives.ReadUInt16BigEndian(rest[7..]), BinaryPrimitives.ReadUInt16BigEndian(rest[5..]));
            }

            var length = 2 + BinaryPrimitives.ReadUInt16BigEndian(rest[2..]);
            if (length < 4 || length > rest.Length)
            {
                break;
            }

            rest = rest[length..];
        }

        return default;
    }
}
