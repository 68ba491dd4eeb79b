using LlmProxy.Http;

namespace LlmProxy.Usage.Reading;

/// <summary>
/// What the model has said in one exchange, as UTF-8 without escapes: one text per choice, content block or output
/// item. Belongs to whoever took it and gives its buffers back to the pool when disposed.
/// </summary>
internal sealed class DeliveredText : IDisposable
{
    private readonly PooledBytes[] _texts;

    /// <param name="texts">Owned from now on.</param>
    /// <param name="count">So many of them are in use.</param>
    /// <param name="bytesBeyond">See <see cref="BytesBeyond"/>.</param>
    public DeliveredText(PooledBytes[] texts, int count, long bytesBeyond) =>
        (_texts, Count, BytesBeyond) = (texts, count, bytesBeyond);

    public int Count { get; private set; }

    /// <summary>Bytes that were said beyond what is kept.</summary>
    public long BytesBeyond { get; }

    /// <summary>The bytes that are kept, of all texts.</summary>
    public long Bytes
    {
        get
        {
            var bytes = 0L;
            for (var index = 0; index < Count; index++)
            {
                bytes += _texts[index].Length;
            }

            return bytes;
        }
    }

    /// <summary>The text at a place below <see cref="Count"/>; may end inside a character when it was cut.</summary>
    public ReadOnlySpan<byte> this[int index] => _texts[index].Span;

    public void Dispose()
    {
        for (var index = 0; index < Count; index++)
        {
            _texts[index].Return();
        }

        Count = 0;
    }
}
