using System.Text;

namespace LlmProxy.Usage.Reading;

/// <summary>Decodes the escapes in a JSON string (RFC 8259 section 7), byte after byte.</summary>
internal sealed class JsonEscape
{
    // A replacement for half a pair that came before, and one more character.
    private readonly byte[] _bytes = new byte[8];

    private int _length;
    private int _code;

    // Of "uXXXX" so many were read; 0: the character after the backslash is next.
    private int _read;
    private int _high;

    public enum State : byte
    {
        Incomplete,
        Complete,
        Invalid,
    }

    /// <summary>The UTF-8 of what was completed; empty after the first half of a pair.</summary>
    public ReadOnlySpan<byte> Decoded => _bytes.AsSpan(0, _length);

    /// <summary>The first half of a pair was read, the second must be the next escape.</summary>
    public bool IsHalf => _high != 0;

    public void Reset() => (_high, _read) = (0, 0);

    /// <summary>The second half does not come: U+FFFD stands for the first.</summary>
    public ReadOnlySpan<byte> GiveUp()
    {
        (_high, _length) = (0, 0);
        Append(Rune.ReplacementChar);
        return Decoded;
    }

    public State Read(byte next)
    {
        if (_read > 0)
        {
            return ReadHex(next);
        }

        if (next == 'u')
        {
            (_read, _code) = (1, 0);
            return State.Incomplete;
        }

        var plain = next switch
        {
            (byte)'"' or (byte)'\\' or (byte)'/' => (char)next,
            (byte)'b' => '\b',
            (byte)'f' => '\f',
            (byte)'n' => '\n',
            (byte)'r' => '\r',
            (byte)'t' => '\t',
            _ => '\0',
        };
        return plain == '\0' ? State.Invalid : Complete(plain);
    }

    private State ReadHex(byte next)
    {
        if (!char.IsAsciiHexDigit((char)next))
        {
            return State.Invalid;
        }

        // '0' is 0x30, 'A' 0x41 and 'a' 0x61.
        _code = (_code << 4) | (next <= '9' ? next & 0xF : (next & 0xF) + 9);
        _read++;
        if (_read < 5)
        {
            return State.Incomplete;
        }

        _read = 0;
        return Complete((char)_code);
    }

    private State Complete(char unit)
    {
        _length = 0;
        if (_high != 0 && char.IsLowSurrogate(unit))
        {
            Append(new Rune((char)_high, unit));
            _high = 0;
            return State.Complete;
        }

        if (_high != 0)
        {
            _high = 0;
            Append(Rune.ReplacementChar);
        }

        if (char.IsHighSurrogate(unit))
        {
            _high = unit;
        }
        else
        {
            Append(Rune.TryCreate(unit, out var rune) ? rune : Rune.ReplacementChar);
        }

        return State.Complete;
    }

    private void Append(Rune rune) => _length += rune.EncodeToUtf8(_bytes.AsSpan(_length));
}
