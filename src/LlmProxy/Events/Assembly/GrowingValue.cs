using System.Text.Json;
using LlmProxy.Http;

namespace LlmProxy.Events.Assembly;

/// <summary>
/// A value of the answer that grows with each event: its rule says how. Texts and raw values are in buffers from the
/// pool, which go back when it is disposed.
/// </summary>
internal sealed class GrowingValue(GrowthRule rule, ByteBudget budget) : IDisposable
{
    /// <summary>More elements than that are left out.</summary>
    public const int ElementsMax = 1024;

    /// <summary>
    /// More members than that are left out. They are searched one by one, and no API has half as many.
    /// </summary>
    public const int MembersMax = 128;

    // What an object of this class takes, roughly: a stream of tiny members must not cost more than one of text.
    private const int ChildBytes = 64;

    private PooledBytes _bytes;
    private int _paid;
    private Content _content;
    private bool _isCut;

    private ChildList _children;

    private enum Content : byte
    {
        Missing,
        Null,

        /// <summary>JSON as it came.</summary>
        Raw,

        /// <summary>A string without its quotes.</summary>
        Text,

        /// <summary>Elements with their commas.</summary>
        Elements,
        Children,
    }

    public GrowthRule Rule => rule;

    public ByteBudget Budget => budget;

    /// <summary>What a member is called.</summary>
    public byte[] Name { get; private init; } = [];

    /// <summary>What an element calls its place.</summary>
    public int Index { get; private init; }

    /// <summary>No event has brought it.</summary>
    public bool IsMissing => _content == Content.Missing;

    public bool IsNull => _content == Content.Null;

    public bool IsText => _content == Content.Text;

    public bool IsList => _content == Content.Elements;

    public bool HasChildren => _content == Content.Children;

    /// <summary>The value as it came, text with its escapes but without quotes, or elements with commas.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.Span;

    /// <summary>Members, or elements by place.</summary>
    public ReadOnlySpan<GrowingValue> Children => _children.Span;

    /// <summary>It says nothing: missing, null, "", [] or {}.</summary>
    public bool IsEmpty => _content switch
    {
        Content.Raw => JsonText.IsNothing(_bytes.Span),
        Content.Text or Content.Elements => _bytes.Length == 0,
        Content.Children => _children.Span.IsEmpty,
        _ => true,
    };

    /// <summary>Takes in what an event says of it.</summary>
    /// <param name="reader">At the value; at its end then.</param>
    /// <param name="json">What is read.</param>
    /// <param name="isWhole">The event has all of it, not an increment.</param>
    public void Merge(ref Utf8JsonReader reader, ReadOnlySpan<byte> json, bool isWhole)
    {
        switch (rule.Growth)
        {
            case Growth.Last:
                Set(JsonText.RawOf(ref reader, json));
                break;
            case Growth.First:
                MergeFirst(JsonText.RawOf(ref reader, json));
                break;
            case Growth.Text:
                MergeText(ref reader, json, isWhole);
                break;
            case Growth.Content:
                ContentMerge.Into(this, ref reader, json, isWhole);
                break;
            case Growth.Fields:
                FieldMerge.Into(this, ref reader, json, isWhole);
                break;
            case Growth.List:
                ListMerge.Into(this, ref reader, json, isWhole);
                break;
            case Growth.Fixed:
                Set(rule.Json);
                reader.Skip();
                break;
            case Growth.Dropped:
                reader.Skip();
                break;
            default:
                ElementMerge.Into(this, ref reader, json, isWhole);
                break;
        }
    }

    /// <summary>Takes in a value that stands alone; nothing, when there is none.</summary>
    public void Merge(ReadOnlySpan<byte> raw, bool isWhole)
    {
        if (!raw.IsEmpty)
        {
            var reader = JsonText.Open(raw);
            Merge(ref reader, raw, isWhole);
        }
    }

    /// <summary>Whether the reader is at the beginning of such a container; what else is there is dealt with.</summary>
    public bool Enters(JsonTokenType start, ref Utf8JsonReader reader, ReadOnlySpan<byte> json, bool isWhole)
    {
        if (reader.TokenType == start)
        {
            return true;
        }

        if (reader.TokenType == JsonTokenType.Null)
        {
            MarkNull();
            return false;
        }

        // Not what the API says. It is kept as long as there is nothing better.
        budget.IsFaulty |= !isWhole;
        var raw = JsonText.RawOf(ref reader, json);
        if (IsEmpty)
        {
            Set(raw);
        }

        return false;
    }

    public void MarkNull()
    {
        if (_content == Content.Missing)
        {
            _content = Content.Null;
        }
    }

    /// <summary>Goes on with a text.</summary>
    /// <param name="escaped">As it is between the quotes.</param>
    public void AppendText(ReadOnlySpan<byte> escaped)
    {
        Become(Content.Text);
        if (_isCut || escaped.IsEmpty)
        {
            return;
        }

        var unpaid = Math.Max(0, _bytes.Length + escaped.Length - _paid);
        var taken = budget.TakeUpTo(unpaid);
        _paid += taken;
        if (taken < unpaid)
        {
            escaped = escaped[..JsonText.CutAt(escaped, escaped.Length - unpaid + taken)];
            _isCut = budget.IsTruncated = true;
        }

        _bytes.Append(escaped);
    }

    /// <summary>The text is known as a whole.</summary>
    public void SetText(ReadOnlySpan<byte> escaped)
    {
        if (_content == Content.Text && (escaped.IsEmpty || escaped.SequenceEqual(_bytes.Span)))
        {
            return;
        }

        _bytes.Clear();
        _isCut = false;
        AppendText(escaped);
    }

    /// <summary>Adds elements to a list; false when there is no room for them.</summary>
    /// <param name="elements">With the commas between them.</param>
    public bool TryAppendElements(ReadOnlySpan<byte> elements)
    {
        Become(Content.Elements);
        if (elements.IsEmpty)
        {
            return true;
        }

        var separator = _bytes.Length > 0 ? ","u8 : default;
        var unpaid = _bytes.Length + separator.Length + elements.Length - _paid;
        if (_isCut || !budget.TryTake(unpaid, isShort: false))
        {
            _isCut = budget.IsTruncated = true;
            return false;
        }

        _paid += Math.Max(0, unpaid);
        _bytes.Append(separator);
        _bytes.Append(elements);
        return true;
    }

    /// <summary>The list is known as a whole. What there is no room for is left out.</summary>
    public void SetElements(ReadOnlySpan<byte> elements)
    {
        if (_content == Content.Elements && (elements.IsEmpty || elements.SequenceEqual(_bytes.Span)))
        {
            return;
        }

        if (budget.TryTake(elements.Length - _paid, isShort: false))
        {
            Become(Content.Elements);
            _paid = Math.Max(_paid, elements.Length);
            _bytes.Set(elements);
            return;
        }

        budget.IsTruncated = true;
    }

    /// <summary>What was text becomes that of <paramref name="heir"/>.</summary>
    public void HandText(GrowingValue heir)
    {
        (heir._bytes, heir._paid, heir._isCut, heir._content) = (_bytes, _paid, _isCut, Content.Text);
        (_bytes, _paid, _isCut, _content) = (default, 0, false, Content.Missing);
    }

    /// <summary>A member; null when no event has brought it.</summary>
    public GrowingValue? Find(ReadOnlySpan<byte> name) => _children.Find(name);

    /// <summary>A member, new if need be; null when there is no room for it.</summary>
    public GrowingValue? Member(ReadOnlySpan<byte> name)
    {
        var position = 0;
        return Member(name, ref position);
    }

    /// <param name="name">Without escapes.</param>
    /// <param name="position">Where to look first; where the next one should be then.</param>
    public GrowingValue? Member(ReadOnlySpan<byte> name, ref int position)
    {
        BecomeContainer();
        if (_children.Find(name, ref position) is { } member)
        {
            return member;
        }

        if (!HasRoomForChild(MembersMax, name.Length))
        {
            return null;
        }

        var memberRule = rule.Member(name, out var known);
        return _children.Add(new GrowingValue(memberRule, budget) { Name = known ?? name.ToArray() });
    }

    /// <summary>The last element of that place, new if need be; null when there is no room or no such place.</summary>
    public GrowingValue? Element(int index) => _children.Find(index) ?? Add(index);

    /// <summary>The last element of that place; null when there is none.</summary>
    public GrowingValue? FindElement(int index) => _children.Find(index);

    /// <summary>A new element, after those of the same place; null when there is no room or no such place.</summary>
    public GrowingValue? Add(int index)
    {
        if (index is < 0 or >= ElementsMax)
        {
            budget.IsFaulty = true;
            return null;
        }

        BecomeContainer();
        return HasRoomForChild(ElementsMax, nameLength: 0)
            ? _children.AddByIndex(new GrowingValue(rule.Of!, budget) { Index = index })
            : null;
    }

    /// <summary>An object or a list of objects, if only an empty one.</summary>
    public void BecomeContainer() => Become(Content.Children);

    public void Dispose()
    {
        _bytes.Return();
        foreach (var child in Children)
        {
            child.Dispose();
        }

        (_children, _content) = (default, Content.Missing);
    }

    private void MergeFirst(ReadOnlySpan<byte> raw)
    {
        if (IsEmpty || _bytes.Span.SequenceEqual("0"u8))
        {
            Set(raw);
        }
    }

    private void Set(ReadOnlySpan<byte> raw)
    {
        if (_content == Content.Raw && (raw.SequenceEqual(_bytes.Span) || (JsonText.IsNothing(raw) && !IsEmpty)))
        {
            return;
        }

        if (budget.TryTake(raw.Length - _paid, raw.Length <= ByteBudget.ShortBytesMax))
        {
            _paid = Math.Max(_paid, raw.Length);
            _content = Content.Raw;
            _bytes.Set(raw);
            return;
        }

        budget.IsTruncated = true;
        PooledBytes cut = default;
        if (JsonCut.TryWrite(raw, _paid + budget.Left, ref cut))
        {
            _paid += budget.TakeUpTo(cut.Length - _paid);
            _content = Content.Raw;
            _bytes.Set(cut.Span);
        }

        cut.Return();
    }

    private void MergeText(ref Utf8JsonReader reader, ReadOnlySpan<byte> json, bool isWhole)
    {
        if (!Enters(JsonTokenType.String, ref reader, json, isWhole))
        {
            return;
        }

        if (isWhole)
        {
            SetText(reader.ValueSpan);
        }
        else
        {
            AppendText(reader.ValueSpan);
        }
    }

    private bool HasRoomForChild(int childrenMax, int nameLength)
    {
        if (_children.Span.Length < childrenMax
            && budget.TryTake(ChildBytes + nameLength, nameLength <= ByteBudget.ShortBytesMax))
        {
            return true;
        }

        budget.IsTruncated = true;
        return false;
    }

    private void Become(Content content)
    {
        if (_content != content)
        {
            _content = content;
            _bytes.Clear();
        }
    }
}
