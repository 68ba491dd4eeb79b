namespace LlmProxy.Usage.Reading;

/// <summary>Some bytes that come in parts, kept as long as they are few.</summary>
internal sealed class ShortBytes(int bytesMax)
{
    private readonly byte[] _bytes = new byte[bytesMax];
    private int _length;

    /// <summary>There were more; then there are none.</summary>
    public bool IsTooLong { get; private set; }

    public ReadOnlySpan<byte> Span => IsTooLong ? default : _bytes.AsSpan(0, _length);

    public void Clear() => (_length, IsTooLong) = (0, false);

    public void Set(ReadOnlySpan<byte> part)
    {
        Clear();
        Append(part);
    }

    public void Append(ReadOnlySpan<byte> part)
    {
        if (part.Length > _bytes.Length - _length)
        {
            IsTooLong = true;
            return;
        }

        part.CopyTo(_bytes.AsSpan(_length));
        _length += part.Length;
    }

    /// <summary>
    /// All of it when <paramref name="last"/> is the last part, which is not copied when it is the only one.
    /// </summary>
    /// <param name="last">The last part.</param>
    /// <param name="wholeMax">More bytes than that are too long.</param>
    public ReadOnlySpan<byte> With(ReadOnlySpan<byte> last, int wholeMax)
    {
        var whole = last;
        if (_length > 0)
        {
            Append(last);
            whole = _bytes.AsSpan(0, _length);
        }

        IsTooLong |= whole.Length > wholeMax;
        return IsTooLong ? default : whole;
    }
}
