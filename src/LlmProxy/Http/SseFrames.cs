using System.Runtime.InteropServices;

namespace LlmProxy.Http;

/// <summary>What <see cref="SseFrames"/> has come to.</summary>
internal enum SsePart : byte
{
    /// <summary>Nothing: the bytes are used up.</summary>
    None,

    /// <summary>A part of an event's data.</summary>
    Data,

    /// <summary>An empty line: the event is complete.</summary>
    EventEnd,

    /// <summary>The line feed that still belongs to the empty line before it.</summary>
    Tail,
}

/// <summary>
/// Finds the data in an event stream that comes in pieces. Lines end with CR, LF or both, a byte order mark may come
/// first, and several data lines are one text (HTML Living Standard, section 9.2.6).
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal struct SseFrames
{
    private State _state;
    private int _matched;
    private bool _isAfterCr;
    private bool _isAfterEvent;
    private bool _hasData;

    private enum State : byte
    {
        ByteOrderMark,
        LineStart,
        FieldName,
        AfterColon,
        InData,
        InOther,
    }

    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    private static ReadOnlySpan<byte> DataField => "data"u8;

    /// <summary>The next part; takes what it has read from <paramref name="rest"/>.</summary>
    public SsePart Next(scoped ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> data)
    {
        data = default;
        while (!rest.IsEmpty)
        {
            var part = _state switch
            {
                State.ByteOrderMark => ReadByteOrderMark(ref rest),
                State.LineStart => ReadLineStart(ref rest),
                State.FieldName => ReadFieldName(ref rest, out data),
                State.AfterColon => ReadAfterColon(ref rest, out data),
                _ => ReadLine(ref rest, out data),
            };
            if (part != SsePart.None)
            {
                return part;
            }
        }

        return SsePart.None;
    }

    private SsePart ReadByteOrderMark(scoped ref ReadOnlySpan<byte> rest)
    {
        if (rest[0] != ByteOrderMark[_matched])
        {
            // A part of the mark is the name of some other field.
            _state = _matched == 0 ? State.LineStart : State.InOther;
            return SsePart.None;
        }

        rest = rest[1..];
        _matched++;
        if (_matched == ByteOrderMark.Length)
        {
            _state = State.LineStart;
        }

        return SsePart.None;
    }

    private SsePart ReadLineStart(scoped ref ReadOnlySpan<byte> rest)
    {
        var next = rest[0];
        if (_isAfterCr && next == '\n')
        {
            rest = rest[1..];
            _isAfterCr = false;
            return _isAfterEvent ? SsePart.Tail : SsePart.None;
        }

        _isAfterCr = next == '\r';
        _isAfterEvent = next is (byte)'\r' or (byte)'\n';
        if (_isAfterEvent)
        {
            rest = rest[1..];
            _hasData = false;
            return SsePart.EventEnd;
        }

        (_state, _matched) = (State.FieldName, 0);
        return SsePart.None;
    }

    private SsePart ReadFieldName(scoped ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> data)
    {
        data = default;
        var length = Math.Min(rest.Length, DataField.Length - _matched);
        if (!rest[..length].SequenceEqual(DataField.Slice(_matched, length)))
        {
            _state = State.InOther;
            return SsePart.None;
        }

        rest = rest[length..];
        _matched += length;
        if (rest.IsEmpty)
        {
            return SsePart.None;
        }

        switch (rest[0])
        {
            case (byte)':':
                rest = rest[1..];
                _state = State.AfterColon;
                return SsePart.None;
            case (byte)'\r' or (byte)'\n':
                return BeginData(out data);
            default:
                _state = State.InOther;
                return SsePart.None;
        }
    }

    private SsePart ReadAfterColon(scoped ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> data)
    {
        if (rest[0] == ' ')
        {
            rest = rest[1..];
        }

        return BeginData(out data);
    }

    private SsePart BeginData(out ReadOnlySpan<byte> data)
    {
        data = _hasData ? "\n"u8 : default;
        (_state, _hasData) = (State.InData, true);
        return data.IsEmpty ? SsePart.None : SsePart.Data;
    }

    private SsePart ReadLine(scoped ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> data)
    {
        data = default;
        var length = rest.IndexOfAny((byte)'\r', (byte)'\n');
        var line = length < 0 ? rest : rest[..length];
        if (_state == State.InData && !line.IsEmpty)
        {
            data = line;
            rest = rest[line.Length..];
            return SsePart.Data;
        }

        if (length < 0)
        {
            rest = default;
            return SsePart.None;
        }

        (_state, _isAfterCr, _isAfterEvent) = (State.LineStart, rest[length] == '\r', false);
        rest = rest[(length + 1)..];
        return SsePart.None;
    }
}
