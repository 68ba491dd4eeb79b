namespace LlmProxy.Usage.Reading;

/// <summary>Numbers of JSON (RFC 8259 section 6), as bytes.</summary>
internal static class JsonNumber
{
    /// <summary>Whether all of it is one number.</summary>
    public static bool IsWellFormed(ReadOnlySpan<byte> number)
    {
        var rest = number.StartsWith("-"u8) ? number[1..] : number;
        var whole = Digits(ref rest);
        if (whole.IsEmpty || (whole.Length > 1 && whole[0] == '0'))
        {
            return false;
        }

        if (rest.StartsWith("."u8))
        {
            rest = rest[1..];
            if (Digits(ref rest).IsEmpty)
            {
                return false;
            }
        }

        if (!rest.IsEmpty && rest[0] is (byte)'e' or (byte)'E')
        {
            rest = rest.Length > 1 && rest[1] is (byte)'+' or (byte)'-' ? rest[2..] : rest[1..];
            if (Digits(ref rest).IsEmpty)
            {
                return false;
            }
        }

        return rest.IsEmpty;
    }

    /// <summary>
    /// A count from 0 to <paramref name="max"/>, written with digits only; -1 for everything else.
    /// </summary>
    public static long CountOf(ReadOnlySpan<byte> number, long max)
    {
        var count = 0L;
        if (number.IsEmpty)
        {
            return -1;
        }

        foreach (var digit in number)
        {
            if (!char.IsAsciiDigit((char)digit))
            {
                return -1;
            }

            count = (count * 10) + (digit - '0');
            if (count > max)
            {
                return -1;
            }
        }

        return count;
    }

    private static ReadOnlySpan<byte> Digits(ref ReadOnlySpan<byte> rest)
    {
        var length = rest.IndexOfAnyExceptInRange((byte)'0', (byte)'9');
        var digits = length < 0 ? rest : rest[..length];
        rest = rest[digits.Length..];
        return digits;
    }
}
