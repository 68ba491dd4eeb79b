namespace LlmProxy.Caching;

/// <summary>
/// Walks over the members of a comma-separated line (RFC 9110 §5.6.1), where a comma in a quoted string separates
/// nothing. Members are trimmed and may be empty. Takes time in proportion to the line, whatever is in it.
/// </summary>
/// <param name="line">One line of a field.</param>
/// <param name="hasEscapes">
/// Whether a backslash in quotes takes the next character's meaning; in an entity tag it does not.
/// </param>
internal ref struct ListReader(ReadOnlySpan<char> line, bool hasEscapes = true)
{
    private ReadOnlySpan<char> _rest = line;
    private bool _isDone;
    private bool _hasStrings = true;

    public ReadOnlySpan<char> Current { get; private set; }

    public bool MoveNext()
    {
        if (_isDone)
        {
            return false;
        }

        var end = 0;
        while (end < _rest.Length && _rest[end] != ',')
        {
            end = _rest[end] == '"' && _hasStrings ? EndOfString(end) : end + 1;
        }

        Current = _rest[..end].Trim(" \t");
        _isDone = end == _rest.Length;
        _rest = _isDone ? default : _rest[(end + 1)..];
        return true;
    }

    /// <summary>Behind the closing quote. A quote that is never closed is a character like any other.</summary>
    private int EndOfString(int start)
    {
        for (var i = start + 1; i < _rest.Length; i++)
        {
            if (_rest[i] == '"')
            {
                return i + 1;
            }

            i += _rest[i] == '\\' && hasEscapes ? 1 : 0;
        }

        // Not to be looked for again: a line of open quotes would take the square of its length.
        _hasStrings = false;
        return start + 1;
    }
}
