using System.Text;

namespace LlmProxy.Http;

/// <summary>
/// Decodes the <c>Connection</c> header so that all its options reach us. Beside <c>close</c> or <c>keep-alive</c>
/// Kestrel forgets what else a client lists there, and the listed fields would go on to the provider (RFC 9110 §7.6.1).
/// Naming both keeps it from that; it then closes the connection after the answer, which costs only clients that list
/// fields of their own.
/// </summary>
internal sealed class ConnectionOptions : Encoding
{
    private const string Both = ", keep-alive, close";

    public static readonly ConnectionOptions Encoding = new();

    public override int GetCharCount(byte[] bytes, int index, int count) =>
        count + (ListsFields(bytes.AsSpan(index, count)) ? Both.Length : 0);

    public override int GetChars(byte[] bytes, int byteIndex, int byteCount, char[] chars, int charIndex)
    {
        var source = bytes.AsSpan(byteIndex, byteCount);
        var written = Latin1.GetChars(source, chars.AsSpan(charIndex));
        if (!ListsFields(source))
        {
            return written;
        }

        Both.CopyTo(chars.AsSpan(charIndex + written));
        return written + Both.Length;
    }

    public override int GetByteCount(char[] chars, int index, int count) => Latin1.GetByteCount(chars, index, count);

    public override int GetBytes(char[] chars, int charIndex, int charCount, byte[] bytes, int byteIndex) =>
        Latin1.GetBytes(chars, charIndex, charCount, bytes, byteIndex);

    public override int GetMaxByteCount(int charCount) => Latin1.GetMaxByteCount(charCount);

    public override int GetMaxCharCount(int byteCount) => Latin1.GetMaxCharCount(byteCount) + Both.Length;

    private static bool ListsFields(ReadOnlySpan<byte> value)
    {
        foreach (var range in value.Split((byte)','))
        {
            var option = value[range].Trim(" \t"u8);
            if (!option.IsEmpty
                && !Ascii.EqualsIgnoreCase(option, "close"u8)
                && !Ascii.EqualsIgnoreCase(option, "keep-alive"u8)
                && !Ascii.EqualsIgnoreCase(option, "upgrade"u8))
            {
                return true;
            }
        }

        return false;
    }
}
