using System.Runtime.InteropServices;

namespace LlmProxy.Events.Assembly;

/// <summary>The members or elements of a <see cref="GrowingValue"/>, mostly found without a search.</summary>
[StructLayout(LayoutKind.Auto)]
internal struct ChildList
{
    private GrowingValue[]? _children;
    private int _count;

    // Where the last element was: most events go on with the one before.
    private int _recent;

    public readonly ReadOnlySpan<GrowingValue> Span => _children.AsSpan(0, _count);

    public readonly GrowingValue? Find(ReadOnlySpan<byte> name)
    {
        foreach (var child in Span)
        {
            if (name.SequenceEqual(child.Name))
            {
                return child;
            }
        }

        return null;
    }

    /// <summary>
    /// Events repeat their members in the same order, so the one after the last is nearly always right.
    /// </summary>
    public readonly GrowingValue? Find(ReadOnlySpan<byte> name, ref int position)
    {
        var children = Span;
        for (var step = 0; step < children.Length; step++)
        {
            var at = position + step;
            at = at < children.Length ? at : at - children.Length;
            if (name.SequenceEqual(children[at].Name))
            {
                position = at + 1 < children.Length ? at + 1 : 0;
                return children[at];
            }
        }

        return null;
    }

    /// <summary>The last one of that place.</summary>
    public GrowingValue? Find(int index)
    {
        if (_recent < _count && _children![_recent].Index == index && IsLastOfItsPlace(_recent))
        {
            return _children[_recent];
        }

        var at = EndOf(index) - 1;
        if (at < 0 || _children![at].Index != index)
        {
            return null;
        }

        _recent = at;
        return _children[at];
    }

    public GrowingValue Add(GrowingValue child) => Insert(_count, child);

    /// <summary>After those of the same place and before those of later ones.</summary>
    public GrowingValue AddByIndex(GrowingValue child) => Insert(EndOf(child.Index), child);

    private readonly bool IsLastOfItsPlace(int at) =>
        at + 1 == _count || _children![at + 1].Index != _children[at].Index;

    /// <summary>How many there are up to that place.</summary>
    private readonly int EndOf(int index)
    {
        var (low, high) = (0, _count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = _children![middle].Index <= index ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    private GrowingValue Insert(int at, GrowingValue child)
    {
        if (_children is null || _count == _children.Length)
        {
            Array.Resize(ref _children, Math.Max(4, 2 * _count));
        }

        Array.Copy(_children, at, _children, at + 1, _count - at);
        _children[at] = child;
        (_recent, _count) = (at, _count + 1);
        return child;
    }
}
