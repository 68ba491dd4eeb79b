using LlmProxy.Http;

namespace LlmProxy.Usage.Reading;

/// <summary>
/// Sorts what the model says by choice. The number of the choice may come after its text, and so may the word that
/// it was no text, so text is staged until <see cref="Commit"/> or <see cref="Discard"/>.
/// </summary>
internal sealed class TextCollector : IDisposable
{
    /// <summary>Of one exchange.</summary>
    public const int BytesMax = 256 * 1024;

    /// <summary>OpenAI's largest <c>n</c>.</summary>
    public const int TextsMax = 128;

    private PooledBytes _staged;
    private long _stagedBeyond;
    private PooledBytes[] _texts = [];
    private long[] _numbers = [];
    private int _count;
    private int _kept;

    /// <summary>Bytes that were said beyond what is kept.</summary>
    public long BytesBeyond { get; private set; }

    public void Append(ReadOnlySpan<byte> part)
    {
        var room = Math.Min(part.Length, BytesMax - _kept - _staged.Length);
        _staged.Append(part[..room]);
        _stagedBeyond += part.Length - room;
    }

    /// <summary>What is staged was said in the choice of that number.</summary>
    public void Commit(long number)
    {
        BytesBeyond += _stagedBeyond;
        if (_staged.Length > 0)
        {
            var place = PlaceOf(number);
            if (place < 0)
            {
                BytesBeyond += _staged.Length;
            }
            else
            {
                _texts[place].Append(_staged.Span);
                _kept += _staged.Length;
            }
        }

        Discard();
    }

    public void Discard()
    {
        _staged.Clear();
        _stagedBeyond = 0;
    }

    /// <summary>Hands over what was committed; null when there was nothing.</summary>
    public DeliveredText? Take()
    {
        if (_count == 0 && BytesBeyond == 0)
        {
            return null;
        }

        var text = new DeliveredText(_texts, _count, BytesBeyond);
        (_texts, _numbers, _count, _kept) = ([], [], 0, 0);
        return text;
    }

    public void Dispose()
    {
        _staged.Return();
        for (var place = 0; place < _count; place++)
        {
            _texts[place].Return();
        }

        (_count, _kept, BytesBeyond, _stagedBeyond) = (0, 0, 0, 0);
    }

    private int PlaceOf(long number)
    {
        // What was used last is used next, or there is only one.
        var place = _numbers.AsSpan(0, _count).LastIndexOf(number);
        if (place >= 0)
        {
            return place;
        }

        if (_count == TextsMax)
        {
            return -1;
        }

        if (_count == _texts.Length)
        {
            Array.Resize(ref _texts, Math.Max(1, 2 * _count));
            Array.Resize(ref _numbers, _texts.Length);
        }

        _numbers[_count] = number;
        return _count++;
    }
}
