using System.Buffers;

namespace LlmProxy.Usage.Reading;

/// <summary>
/// Reads JSON (RFC 8259) forward only, from pieces that may break anywhere, and keeps nothing but a short key or a
/// short scalar. After a <see cref="JsonToken.Key"/> the value is passed over unless <see cref="Take"/> or
/// <see cref="TakeText"/> asks for it; what stands in a taken array is taken. What is no JSON makes
/// <see cref="IsInvalid"/> true, and then nothing more is read until <see cref="Reset"/>.
/// </summary>
/// <remarks>The form of numbers is checked where they are taken only.</remarks>
internal sealed class JsonScan
{
    /// <summary>A longer key is told as an empty one.</summary>
    public const int KeyBytesMax = 64;

    /// <summary>A longer scalar is told as an empty one, with <see cref="IsTooLong"/>.</summary>
    public const int ValueBytesMax = 128;

    /// <summary>The limit of System.Text.Json too, which most clients could not read beyond either.</summary>
    public const int DepthMax = 64;

    // A control character may not stand in a string (RFC 8259 section 7).
    private static readonly SearchValues<byte> StringStops =
        SearchValues.Create([.. Enumerable.Range(0, 0x20).Select(static code => (byte)code), (byte)'"', (byte)'\\']);

    private static readonly SearchValues<byte> NumberBytes = SearchValues.Create("0123456789+-.eE"u8);

    private readonly ShortBytes _kept = new(ValueBytesMax);
    private readonly JsonEscape _escape = new();

    // One bit for each open container, the innermost lowest: 1 is an object.
    private ulong _kinds;
    private int _depth;
    private int _skipFloor;
    private int _matched;
    private JsonState _state = JsonState.Value;
    private Use _want = Use.Keep;
    private Use _use;
    private JsonToken _literal;
    private bool _isKey;
    private bool _isSkipping;

    private enum Use : byte
    {
        Skip,
        Keep,
        Text,
    }

    /// <summary>The root value is complete.</summary>
    public bool IsDone => _state == JsonState.Done;

    public bool IsInvalid => _state == JsonState.Invalid;

    /// <summary>Nothing but white space was read.</summary>
    public bool IsFresh => _state == JsonState.Value && _depth == 0;

    /// <summary>The last key or scalar was longer than what is kept.</summary>
    public bool IsTooLong => _kept.IsTooLong;

    /// <summary>After a key: its value shall be told.</summary>
    public void Take() => _want = Use.Keep;

    /// <summary>After a key: its value shall be told, and when it is a string, piece by piece and in full.</summary>
    public void TakeText() => _want = Use.Text;

    /// <summary>After the start of a container: nothing in it shall be told, nor its end.</summary>
    public void SkipContainer() => (_isSkipping, _skipFloor) = (true, _depth - 1);

    /// <summary>Begins anew, for the next document.</summary>
    public void Reset()
    {
        (_state, _want, _kinds, _depth, _isSkipping) = (JsonState.Value, Use.Keep, 0, 0, false);
        _escape.Reset();
    }

    /// <summary>The next token that is told; takes what it has read from <paramref name="rest"/>.</summary>
    /// <param name="rest">What was not read yet; empty when the answer is none.</param>
    /// <param name="value">The unescaped key, scalar or part of a text. Good until the next call.</param>
    public JsonToken Next(ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> value)
    {
        value = default;
        while (!rest.IsEmpty)
        {
            var token = _state switch
            {
                JsonState.InString => ReadString(ref rest, out value),
                JsonState.InEscape => ReadEscape(ref rest, out value),
                JsonState.InNumber => ReadNumber(ref rest, out value),
                JsonState.InLiteral => ReadLiteral(ref rest),
                JsonState.Invalid => Fail(ref rest),
                _ => ReadStructure(ref rest, out value),
            };
            if (token != JsonToken.None)
            {
                return token;
            }
        }

        return JsonToken.None;
    }

    private JsonToken ReadStructure(ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> value)
    {
        value = default;
        while (!rest.IsEmpty)
        {
            var next = rest[0];
            var token = JsonToken.None;
            switch (next)
            {
                case (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t':
                    rest = rest[1..];
                    break;
                case (byte)',' when _state == JsonState.AfterValue:
                    (_state, _want) = (IsInObject ? JsonState.NextKey : JsonState.Value, Use.Keep);
                    rest = rest[1..];
                    break;
                case (byte)':' when _state == JsonState.Colon:
                    _state = JsonState.Value;
                    rest = rest[1..];
                    break;
                case (byte)'"':
                    token = BeginString(ref rest, out value);
                    break;
                case (byte)'{' or (byte)'[':
                    token = Open(ref rest, next == '{');
                    break;
                case (byte)'}' or (byte)']':
                    token = Close(ref rest, next == '}');
                    break;
                default:
                    token = BeginScalar(ref rest, out value);
                    break;
            }

            if (token != JsonToken.None || _state > JsonState.Done)
            {
                return token;
            }
        }

        return JsonToken.None;
    }

    private bool IsInObject => (_kinds & 1) != 0;

    private bool ExpectsValue => _state is JsonState.Value or JsonState.FirstElement;

    private JsonState StateAfterValue => _depth == 0 ? JsonState.Done : JsonState.AfterValue;

    private Use UseOfNext => _isSkipping ? Use.Skip : _want;

    private JsonToken Fail(ref ReadOnlySpan<byte> rest)
    {
        _state = JsonState.Invalid;
        rest = default;
        return JsonToken.None;
    }

    private JsonToken Open(ref ReadOnlySpan<byte> rest, bool isObject)
    {
        if (!ExpectsValue || _depth == DepthMax)
        {
            return Fail(ref rest);
        }

        rest = rest[1..];
        _kinds = (_kinds << 1) | (isObject ? 1UL : 0UL);
        _state = isObject ? JsonState.FirstKey : JsonState.FirstElement;
        _depth++;
        if (_isSkipping)
        {
            return JsonToken.None;
        }

        if (_want == Use.Skip)
        {
            SkipContainer();
            return JsonToken.None;
        }

        _want = Use.Keep;
        return isObject ? JsonToken.StartObject : JsonToken.StartArray;
    }

    private JsonToken Close(ref ReadOnlySpan<byte> rest, bool isObject)
    {
        if (_depth == 0 || IsInObject != isObject
            || _state is not (JsonState.AfterValue or JsonState.FirstKey or JsonState.FirstElement))
        {
            return Fail(ref rest);
        }

        rest = rest[1..];
        _kinds >>= 1;
        _depth--;
        _state = StateAfterValue;
        if (_isSkipping)
        {
            _isSkipping = _depth > _skipFloor;
            return JsonToken.None;
        }

        return isObject ? JsonToken.EndObject : JsonToken.EndArray;
    }

    private JsonToken BeginString(ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> value)
    {
        value = default;
        _isKey = _state is JsonState.FirstKey or JsonState.NextKey;
        if (!_isKey && !ExpectsValue)
        {
            return Fail(ref rest);
        }

        rest = rest[1..];
        _use = !_isKey ? UseOfNext : _isSkipping ? Use.Skip : Use.Keep;
        _state = JsonState.InString;
        _kept.Clear();
        return ReadString(ref rest, out value);
    }

    private JsonToken ReadString(ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> value)
    {
        value = default;
        if (_escape.IsHalf && !rest.IsEmpty && rest[0] != '\\')
        {
            return TellDecoded(_escape.GiveUp(), out value);
        }

        var stop = rest.IndexOfAny(StringStops);
        var run = stop < 0 ? rest : rest[..stop];
        if (_use == Use.Text && !run.IsEmpty)
        {
            value = run;
            rest = rest[run.Length..];
            return JsonToken.Text;
        }

        if (stop < 0)
        {
            Keep(run);
            rest = default;
            return JsonToken.None;
        }

        switch (rest[stop])
        {
            case (byte)'"':
                rest = rest[(stop + 1)..];
                return EndString(run, out value);
            case (byte)'\\':
                Keep(run);
                rest = rest[(stop + 1)..];
                _state = JsonState.InEscape;
                return JsonToken.None;
            default:
                return Fail(ref rest);
        }
    }

    private JsonToken EndString(ReadOnlySpan<byte> run, out ReadOnlySpan<byte> value)
    {
        value = default;
        (_state, _want) = _isKey ? (JsonState.Colon, Use.Skip) : (StateAfterValue, _want);
        if (_use == Use.Skip)
        {
            return JsonToken.None;
        }

        if (_use == Use.Keep)
        {
            value = _kept.With(run, _isKey ? KeyBytesMax : ValueBytesMax);
        }

        return _isKey ? JsonToken.Key : JsonToken.String;
    }

    private JsonToken ReadEscape(ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> value)
    {
        value = default;
        while (!rest.IsEmpty)
        {
            var state = _escape.Read(rest[0]);
            rest = rest[1..];
            switch (state)
            {
                case JsonEscape.State.Invalid:
                    return Fail(ref rest);
                case JsonEscape.State.Complete:
                    _state = JsonState.InString;
                    return TellDecoded(_escape.Decoded, out value);
                default:
                    break;
            }
        }

        return JsonToken.None;
    }

    private JsonToken TellDecoded(ReadOnlySpan<byte> decoded, out ReadOnlySpan<byte> value)
    {
        value = default;
        if (_use == Use.Text && !decoded.IsEmpty)
        {
            value = decoded;
            return JsonToken.Text;
        }

        Keep(decoded);
        return JsonToken.None;
    }

    private JsonToken BeginScalar(ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> value)
    {
        value = default;
        var literal = rest[0] switch
        {
            (byte)'t' => JsonToken.True,
            (byte)'f' => JsonToken.False,
            (byte)'n' => JsonToken.Null,
            (byte)'-' or (>= (byte)'0' and <= (byte)'9') => JsonToken.Number,
            _ => JsonToken.None,
        };
        if (!ExpectsValue || literal == JsonToken.None)
        {
            return Fail(ref rest);
        }

        (_use, _literal, _matched) = (UseOfNext, literal, 0);
        _kept.Clear();
        if (literal != JsonToken.Number)
        {
            _state = JsonState.InLiteral;
            return ReadLiteral(ref rest);
        }

        _state = JsonState.InNumber;
        return ReadNumber(ref rest, out value);
    }

    private JsonToken ReadLiteral(ref ReadOnlySpan<byte> rest)
    {
        var expected = _literal switch
        {
            JsonToken.True => "true"u8,
            JsonToken.False => "false"u8,
            _ => "null"u8,
        };
        var length = Math.Min(rest.Length, expected.Length - _matched);
        if (!rest[..length].SequenceEqual(expected.Slice(_matched, length)))
        {
            return Fail(ref rest);
        }

        rest = rest[length..];
        _matched += length;
        if (_matched < expected.Length)
        {
            return JsonToken.None;
        }

        _state = StateAfterValue;
        return _use == Use.Skip ? JsonToken.None : _literal;
    }

    private JsonToken ReadNumber(ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> value)
    {
        value = default;
        var length = rest.IndexOfAnyExcept(NumberBytes);
        var run = length < 0 ? rest : rest[..length];
        rest = rest[run.Length..];
        if (length < 0)
        {
            Keep(run);
            return JsonToken.None;
        }

        _state = StateAfterValue;
        if (_use == Use.Skip)
        {
            return JsonToken.None;
        }

        value = _kept.With(run, ValueBytesMax);
        return IsTooLong || JsonNumber.IsWellFormed(value) ? JsonToken.Number : Fail(ref rest);
    }

    private void Keep(ReadOnlySpan<byte> run)
    {
        if (_use == Use.Keep)
        {
            _kept.Append(run);
        }
    }
}
