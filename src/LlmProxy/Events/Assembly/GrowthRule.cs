using System.Text;

namespace LlmProxy.Events.Assembly;

/// <summary>What becomes of a member when another event brings it again.</summary>
internal enum Growth : byte
{
    /// <summary>The last one counts, but nothing (null, "", [] or {}) does not replace something.</summary>
    Last,

    /// <summary>The first one that is something, and not 0, counts.</summary>
    First,

    /// <summary>It is always written in the same way.</summary>
    Fixed,

    /// <summary>Strings are increments of one string.</summary>
    Text,

    /// <summary>Strings are increments of one string; lists are increments of a list of typed parts.</summary>
    Content,

    /// <summary>An object, each member of which has a rule of its own.</summary>
    Fields,

    /// <summary>A list of objects that say their place by <c>index</c>.</summary>
    Choices,

    /// <summary>A list of tool calls: <c>index</c>, <c>id</c> and <c>name</c> tell which one is meant.</summary>
    Calls,

    /// <summary>A list of objects that go on with the last one of their <c>index</c> and <c>type</c>.</summary>
    Details,

    /// <summary>A list of objects that is always whole, or changed by place.</summary>
    Places,

    /// <summary>A list to which each event adds some.</summary>
    List,

    /// <summary>Of no interest.</summary>
    Dropped,
}

/// <summary>What a text is made of.</summary>
internal enum TextForm : byte
{
    Plain,

    /// <summary>It is base64, each increment padded for itself.</summary>
    Base64,

    /// <summary>It is the text of a JSON value, as which it is written when it is one.</summary>
    Json,
}

/// <summary>How one member of an answer grows. Rules are made once per API.</summary>
internal sealed class GrowthRule
{
    public static readonly GrowthRule Last = new(Growth.Last);
    public static readonly GrowthRule First = new(Growth.First);
    public static readonly GrowthRule Text = new(Growth.Text);
    public static readonly GrowthRule List = new(Growth.List);
    public static readonly GrowthRule Dropped = new(Growth.Dropped);
    public static readonly GrowthRule Base64 = new(Growth.Text) { Form = TextForm.Base64 };

    private readonly (byte[] Name, GrowthRule Rule)[] _members = [];

    private GrowthRule(Growth growth) => Growth = growth;

    private GrowthRule(ReadOnlySpan<(string Name, GrowthRule Rule)> members)
        : this(Growth.Fields)
    {
        _members = new (byte[], GrowthRule)[members.Length];
        for (var at = 0; at < members.Length; at++)
        {
            _members[at] = (Encoding.UTF8.GetBytes(members[at].Name), members[at].Rule);
            HasAlias |= members[at].Rule.WrittenAs is not null;
        }
    }

    public Growth Growth { get; }

    public TextForm Form { get; private init; }

    /// <summary>The rule of elements; null for what has none.</summary>
    public GrowthRule? Of { get; private init; }

    /// <summary>The name in the answer, when it is not that in the events.</summary>
    public byte[]? WrittenAs { get; private init; }

    /// <summary>Some member is written under another name.</summary>
    public bool HasAlias { get; }

    /// <summary>What a <see cref="Growth.Fixed"/> one is written as.</summary>
    public byte[] Json { get; private init; } = [];

    public static GrowthRule Fields(params ReadOnlySpan<(string Name, GrowthRule Rule)> members) => new(members);

    public static GrowthRule Elements(Growth growth, GrowthRule of) => new(growth) { Of = of };

    public static GrowthRule Fixed(string json) => new(Growth.Fixed) { Json = Encoding.UTF8.GetBytes(json) };

    /// <summary>The text of a JSON value that is called <paramref name="name"/> in the answer.</summary>
    public static GrowthRule JsonText(string name) =>
        new(Growth.Text) { Form = TextForm.Json, WrittenAs = Encoding.UTF8.GetBytes(name) };

    /// <summary>The same members, called <paramref name="name"/> in the answer.</summary>
    public static GrowthRule Renamed(string name, params ReadOnlySpan<(string Name, GrowthRule Rule)> members) =>
        new(members) { WrittenAs = Encoding.UTF8.GetBytes(name) };

    /// <summary>The rule of a member; of one that is not known the last value counts.</summary>
    /// <param name="name">As the event has it.</param>
    /// <param name="known">The same name where it need not be copied, else null.</param>
    public GrowthRule Member(ReadOnlySpan<byte> name, out byte[]? known)
    {
        foreach (var member in _members)
        {
            if (name.SequenceEqual(member.Name))
            {
                known = member.Name;
                return member.Rule;
            }
        }

        known = null;
        return Last;
    }
}
