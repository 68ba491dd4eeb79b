using System.Text.Json;
using LlmProxy.Http;

namespace LlmProxy.Events.Assembly;

/// <summary>
/// Cuts a JSON value to a length so that what is left is JSON: its beginning, in which the last string may be cut and
/// everything open is closed.
/// </summary>
internal ref struct JsonCut
{
    private readonly ReadOnlySpan<byte> _json;
    private readonly int _bytesMax;

    private Utf8JsonReader _reader;
    private ReadOnlySpan<byte> _name;
    private ulong _isObject;
    private int _depth;
    private bool _needsComma;

    private JsonCut(ReadOnlySpan<byte> json, int bytesMax)
    {
        _json = json;
        _bytesMax = bytesMax;
        _reader = JsonText.Open(json);
    }

    /// <summary>False when there is no room for anything; then nothing is written.</summary>
    public static bool TryWrite(ReadOnlySpan<byte> json, int bytesMax, ref PooledBytes output)
    {
        var cut = new JsonCut(json, bytesMax);
        while (cut.TryWriteToken(ref output) && cut._reader.Read())
        {
        }

        cut.Close(ref output);
        return output.Length > 0;
    }

    private bool TryWriteToken(ref PooledBytes output)
    {
        switch (_reader.TokenType)
        {
            case JsonTokenType.PropertyName:
                _name = _json.Slice((int)_reader.TokenStartIndex, _reader.ValueSpan.Length + 2);
                return true;
            case JsonTokenType.StartObject or JsonTokenType.StartArray:
                return TryOpen(ref output);
            case JsonTokenType.EndObject or JsonTokenType.EndArray:
                CloseOne(ref output);
                return true;
            case JsonTokenType.String:
                return TryWriteString(ref output);
            default:
                return TryWriteWhole(_reader.ValueSpan, ref output);
        }
    }

    private bool TryOpen(ref PooledBytes output)
    {
        // Its own end will cost one more.
        if (RoomFor(output) < 2)
        {
            return false;
        }

        Begin(ref output);
        var isObject = _reader.TokenType == JsonTokenType.StartObject;
        output.Append(isObject ? "{"u8 : "["u8);
        _isObject = isObject ? _isObject | (1UL << _depth) : _isObject & ~(1UL << _depth);
        _depth++;
        _needsComma = false;
        return true;
    }

    private bool TryWriteString(ref PooledBytes output)
    {
        var text = _reader.ValueSpan;
        var room = RoomFor(output) - 2;
        if (room < 0)
        {
            return false;
        }

        Begin(ref output);
        output.Append("\""u8);
        output.Append(text[..JsonText.CutAt(text, room)]);
        output.Append("\""u8);
        return text.Length <= room;
    }

    private bool TryWriteWhole(ReadOnlySpan<byte> value, ref PooledBytes output)
    {
        if (RoomFor(output) < value.Length)
        {
            return false;
        }

        Begin(ref output);
        output.Append(value);
        return true;
    }

    /// <summary>The room for a value, after what comes before it and with the ends of all that is open.</summary>
    private readonly int RoomFor(in PooledBytes output) =>
        _bytesMax - output.Length - _depth - (_needsComma ? 1 : 0) - (_name.IsEmpty ? 0 : _name.Length + 1);

    private void Begin(ref PooledBytes output)
    {
        if (_needsComma)
        {
            output.Append(","u8);
        }

        if (!_name.IsEmpty)
        {
            output.Append(_name);
            output.Append(":"u8);
        }

        _name = default;
        _needsComma = true;
    }

    private void Close(ref PooledBytes output)
    {
        while (_depth > 0)
        {
            CloseOne(ref output);
        }
    }

    private void CloseOne(ref PooledBytes output)
    {
        _depth--;
        output.Append((_isObject & (1UL << _depth)) != 0 ? "}"u8 : "]"u8);
        _needsComma = true;
    }
}
