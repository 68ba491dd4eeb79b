namespace LlmProxy.Events.Assembly;

/// <summary>What the answer of one stream may still cost, and what was left out or odd because of it.</summary>
/// <param name="textBytesMax">For everything that can be long.</param>
internal sealed class ByteBudget(int textBytesMax)
{
    /// <summary>
    /// For names and short values on top of the text, so that an answer that is cut still says how it ended.
    /// </summary>
    public const int ReserveBytes = 32 * 1024;

    /// <summary>A value up to that long is short.</summary>
    public const int ShortBytesMax = 512;

    private int _reserve = ReserveBytes;

    /// <summary>What the text may cost altogether.</summary>
    public int TextBytesMax { get; } = textBytesMax;

    /// <summary>What is left for text.</summary>
    public int Left { get; private set; } = textBytesMax;

    /// <summary>Something was left out because it was too long or too much.</summary>
    public bool IsTruncated { get; set; }

    /// <summary>Something was not as its API would have it.</summary>
    public bool IsFaulty { get; set; }

    /// <summary>Takes all of it, or nothing.</summary>
    public bool TryTake(int bytes, bool isShort)
    {
        if (bytes <= 0)
        {
            return true;
        }

        if (isShort && bytes <= _reserve)
        {
            _reserve -= bytes;
            return true;
        }

        if (bytes > Left)
        {
            return false;
        }

        Left -= bytes;
        return true;
    }

    /// <summary>Takes as much as there is.</summary>
    public int TakeUpTo(int bytes)
    {
        var taken = Math.Clamp(bytes, 0, Left);
        Left -= taken;
        return taken;
    }
}
