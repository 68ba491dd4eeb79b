namespace LlmProxy.Caching;

/// <summary>
/// Walks over the directives of one line of <c>Cache-Control</c> (RFC 9111 §5.2): a name, and perhaps a value, which is
/// a token or a quoted string whatever the directive's definition says.
/// </summary>
internal ref struct DirectiveReader(ReadOnlySpan<char> line)
{
    private ListReader _members = new(line);

    /// <summary>As it was sent; to be compared without case.</summary>
    public ReadOnlySpan<char> Name { get; private set; }

    public bool HasValue { get; private set; }

    /// <summary>Without the quotes; escapes are left, since no directive that we know needs any.</summary>
    public ReadOnlySpan<char> Value { get; private set; }

    /// <summary>False for space around the equals sign, and for quotes that are not around the whole value.</summary>
    public bool IsWellFormed { get; private set; }

    public readonly bool Is(ReadOnlySpan<char> name) => Name.Equals(name, StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// The value in seconds (RFC 9111 §1.2.2). One that is missing or cannot be read is <paramref name="otherwise"/>.
    /// </summary>
    public readonly long? SecondsOr(long? otherwise) =>
        IsWellFormed && HasValue && DeltaSeconds.TryParse(Value, out var seconds) ? seconds : otherwise;

    public bool MoveNext()
    {
        while (_members.MoveNext())
        {
            if (!_members.Current.IsEmpty)
            {
                Read(_members.Current);
                return true;
            }
        }

        return false;
    }

    private void Read(ReadOnlySpan<char> member)
    {
        var equals = member.IndexOf('=');
        HasValue = equals >= 0;
        IsWellFormed = true;
        Name = member;
        Value = default;
        if (!HasValue)
        {
            return;
        }

        Name = member[..equals].TrimEnd(" \t");
        var raw = member[(equals + 1)..];
        Value = raw.TrimStart(" \t");
        IsWellFormed = Name.Length == equals && Value.Length == raw.Length;
        if (Value.Contains('"'))
        {
            var isString = Value.Length > 1 && Value[0] == '"' && Value[1..].IndexOf('"') == Value.Length - 2;
            IsWellFormed &= isString;
            Value = isString ? Value[1..^1] : Value;
        }
    }
}
