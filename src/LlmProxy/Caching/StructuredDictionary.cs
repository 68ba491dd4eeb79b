using System.Buffers;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Primitives;

namespace LlmProxy.Caching;

/// <summary>What the value of a member is; of the others a cache directive is none.</summary>
internal enum StructuredType
{
    True,
    False,
    Integer,
    String,
    Token,
    Other,
}

/// <param name="Type">What the value is.</param>
/// <param name="Text">Its text, of a string without the quotes.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct StructuredValue(StructuredType Type, string Text);

/// <summary>
/// Reads a dictionary of structured fields (RFC 8941 §4.2.2). One mistake, and there is no dictionary at all.
/// Parameters are checked and forgotten.
/// </summary>
internal ref struct StructuredDictionary
{
    private static readonly SearchValues<char> KeyCharacters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789_-.*");

    private static readonly SearchValues<char> TokenCharacters = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~:/");

    private static readonly SearchValues<char> BinaryCharacters = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=");

    private ReadOnlySpan<char> _rest;

    /// <summary>The members, the last of each name; null when it is empty or not in the grammar.</summary>
    public static Dictionary<string, StructuredValue>? Read(StringValues lines)
    {
        var text = lines.Count == 1 ? lines[0] : string.Join(", ", lines.ToArray());
        var reader = new StructuredDictionary { _rest = text.AsSpan().Trim(' ') };
        return reader._rest.IsEmpty ? null : reader.ReadMembers();
    }

    private Dictionary<string, StructuredValue>? ReadMembers()
    {
        var members = new Dictionary<string, StructuredValue>(StringComparer.Ordinal);
        while (true)
        {
            if (!TryReadKey(out var key))
            {
                return null;
            }

            var value = new StructuredValue(StructuredType.True, string.Empty);
            if (TryTake('=') && !(TryTake('(') ? TryReadInnerList(out value) : TryReadItem(out value)))
            {
                return null;
            }

            if (!TryReadParameters())
            {
                return null;
            }

            members[key.ToString()] = value;
            _rest = _rest.TrimStart(" \t");
            if (_rest.IsEmpty)
            {
                return members;
            }

            if (!TryTake(','))
            {
                return null;
            }

            _rest = _rest.TrimStart(" \t");
        }
    }

    private bool TryTake(char character)
    {
        if (_rest.IsEmpty || _rest[0] != character)
        {
            return false;
        }

        _rest = _rest[1..];
        return true;
    }

    /// <summary>As much as consists of these characters.</summary>
    private ReadOnlySpan<char> Take(SearchValues<char> characters)
    {
        var end = _rest.IndexOfAnyExcept(characters);
        var taken = end < 0 ? _rest : _rest[..end];
        _rest = _rest[taken.Length..];
        return taken;
    }

    private bool TryReadKey(out ReadOnlySpan<char> key)
    {
        key = Take(KeyCharacters);
        return !key.IsEmpty && (char.IsAsciiLetterLower(key[0]) || key[0] == '*');
    }

    private bool TryReadParameters()
    {
        while (TryTake(';'))
        {
            _rest = _rest.TrimStart(' ');
            if (!TryReadKey(out _) || (TryTake('=') && !TryReadItem(out _)))
            {
                return false;
            }
        }

        return true;
    }

    private bool TryReadInnerList(out StructuredValue value)
    {
        value = new StructuredValue(StructuredType.Other, string.Empty);
        while (true)
        {
            _rest = _rest.TrimStart(' ');
            if (TryTake(')'))
            {
                return true;
            }

            if (!TryReadItem(out _) || !TryReadParameters() || _rest.IsEmpty || _rest[0] is not (' ' or ')'))
            {
                return false;
            }
        }
    }

    private bool TryReadItem(out StructuredValue value)
    {
        value = default;
        return !_rest.IsEmpty && _rest[0] switch
        {
            '-' or (>= '0' and <= '9') => TryReadNumber(out value),
            '"' => TryReadString(out value),
            '?' => TryReadBoolean(out value),
            ':' => TryReadBinary(out value),
            var first => (char.IsAsciiLetter(first) || first == '*') && ReadToken(out value),
        };
    }

    private bool TryReadNumber(out StructuredValue value)
    {
        var text = _rest;
        TryTake('-');
        var whole = CountDigits();
        var fraction = TryTake('.') ? CountDigits() : -1;
        var isInteger = fraction < 0;
        value = new StructuredValue(
            isInteger ? StructuredType.Integer : StructuredType.Other, text[..^_rest.Length].ToString());
        return isInteger ? whole is >= 1 and <= 15 : whole is >= 1 and <= 12 && fraction is >= 1 and <= 3;
    }

    private int CountDigits()
    {
        var end = _rest.IndexOfAnyExceptInRange('0', '9');
        var count = end < 0 ? _rest.Length : end;
        _rest = _rest[count..];
        return count;
    }

    private bool TryReadString(out StructuredValue value)
    {
        value = default;
        for (var i = 1; i < _rest.Length; i++)
        {
            switch (_rest[i])
            {
                case '"':
                    var text = _rest[1..i].ToString().Replace("\\\"", "\"", StringComparison.Ordinal)
                        .Replace("\\\\", "\\", StringComparison.Ordinal);
                    value = new StructuredValue(StructuredType.String, text);
                    _rest = _rest[(i + 1)..];
                    return true;
                case '\\' when i + 1 < _rest.Length && (_rest[i + 1] is '"' or '\\'):
                    i++;
                    break;
                case '\\' or < ' ' or > '~':
                    return false;
            }
        }

        return false;
    }

    private bool TryReadBoolean(out StructuredValue value)
    {
        TryTake('?');
        value = new StructuredValue(
            !_rest.IsEmpty && _rest[0] == '1' ? StructuredType.True : StructuredType.False, string.Empty);
        return TryTake('1') || TryTake('0');
    }

    private bool TryReadBinary(out StructuredValue value)
    {
        value = new StructuredValue(StructuredType.Other, string.Empty);
        TryTake(':');
        Take(BinaryCharacters);
        return TryTake(':');
    }

    private bool ReadToken(out StructuredValue value)
    {
        value = new StructuredValue(StructuredType.Token, Take(TokenCharacters).ToString());
        return true;
    }
}
