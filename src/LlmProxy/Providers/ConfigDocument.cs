using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlScalar = YamlDotNet.Core.Events.Scalar;

namespace LlmProxy.Providers;

/// <summary>
/// Reads one YAML document into nodes with their places. It goes through the parser's events and not through a
/// deserializer, because only those know the line of every value, and because what YAML can do beyond maps, lists and
/// scalars (tags, merge keys, further documents) has no business in a settings file.
/// </summary>
internal sealed class ConfigDocument
{
    private const int DepthMax = 16;
    private const int NodesMax = 100_000;
    private const int AliasesMax = 100;

    private readonly Parser _parser;
    private readonly Dictionary<string, ConfigNode> _anchors = new(StringComparer.Ordinal);
    private int _nodes;
    private int _aliases;

    private ConfigDocument(TextReader text) => _parser = new Parser(text);

    /// <summary>The root, or null for an empty document. What is wrong is a <see cref="ConfigFault"/>.</summary>
    public static ConfigNode? Read(string yaml)
    {
        using var text = new StringReader(yaml);
        var document = new ConfigDocument(text);
        try
        {
            return document.ReadRoot();
        }
        catch (YamlException failure)
        {
            throw new ConfigFault(PlaceOf(failure.Start), $"is not YAML: {WithoutPlace(failure.Message)}");
        }
#pragma warning disable CA1031 // On odd input YamlDotNet also throws InvalidOperationException and ArgumentException.
        catch (Exception failure) when (failure is not ConfigFault)
#pragma warning restore CA1031
        {
            var place = document._parser.Current is { } last ? PlaceOf(last.End) : new ConfigPlace(1, 1);
            throw new ConfigFault(place, "is not YAML from about here on.");
        }
    }

    private ConfigNode? ReadRoot()
    {
        _parser.Consume<StreamStart>();
        if (!_parser.TryConsume<DocumentStart>(out _))
        {
            return null;
        }

        var root = ReadNode(0);
        _parser.Consume<DocumentEnd>();
        return _parser.TryConsume<DocumentStart>(out var second)
            ? throw new ConfigFault(PlaceOf(second.Start), "a second document starts here; one is read.")
            : root.IsNull ? null : root;
    }

    private ConfigNode ReadNode(int depth)
    {
        if (_parser.TryConsume<AnchorAlias>(out var alias))
        {
            return Resolve(alias);
        }

        var start = _parser.Consume<NodeEvent>();
        var place = PlaceOf(start.Start);
        if (++_nodes > NodesMax || depth > DepthMax)
        {
            throw new ConfigFault(place, "has more values, or values nested deeper, than any provider file needs.");
        }

        if (!start.Tag.IsEmpty)
        {
            throw new ConfigFault(place, "has a YAML tag (!…); values are written plainly here.");
        }

        var node = start switch
        {
            YamlScalar scalar => new ConfigNode(place)
            {
                Text = IsNull(scalar) ? null : scalar.Value,
                IsQuoted = scalar.Style != ScalarStyle.Plain,
            },
            SequenceStart => new ConfigNode(place) { Items = ReadItems(depth) },
            _ => new ConfigNode(place) { Entries = ReadEntries(place, depth) },
        };

        // Only now: an alias inside its own anchor is unknown, so nothing can contain itself.
        if (!start.Anchor.IsEmpty)
        {
            _anchors[start.Anchor.Value] = node;
        }

        return node;
    }

    private List<ConfigNode> ReadItems(int depth)
    {
        var items = new List<ConfigNode>();
        while (!_parser.TryConsume<SequenceEnd>(out _))
        {
            items.Add(ReadNode(depth + 1));
        }

        return items;
    }

    private List<ConfigEntry> ReadEntries(ConfigPlace place, int depth)
    {
        var entries = new List<ConfigEntry>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (!_parser.TryConsume<MappingEnd>(out _))
        {
            if (ReadNode(depth + 1) is not { Text: { } name } key)
            {
                throw new ConfigFault(place, "has a key that is empty, a list or a map.");
            }

            if (!seen.Add(name))
            {
                throw new ConfigFault(key.Place, $"the key '{name}' is there twice.");
            }

            entries.Add(new ConfigEntry(name, key.Place, ReadNode(depth + 1)));
        }

        return entries;
    }

    private ConfigNode Resolve(AnchorAlias alias)
    {
        if (++_aliases > AliasesMax)
        {
            throw new ConfigFault(PlaceOf(alias.Start), $"has more than {AliasesMax} aliases.");
        }

        var name = alias.Value.Value;
        return _anchors.TryGetValue(name, out var node)
            ? node
            : throw new ConfigFault(PlaceOf(alias.Start), $"the alias '*{name}' stands for nothing above it.");
    }

    private static bool IsNull(YamlScalar scalar) =>
        scalar.Style == ScalarStyle.Plain && scalar.Value is "" or "~" or "null" or "Null" or "NULL";

    private static ConfigPlace PlaceOf(Mark mark) => new(Math.Max(1, mark.Line), Math.Max(1, mark.Column));

    /// <summary>YamlDotNet starts some messages with the place that we say ourselves.</summary>
    private static string WithoutPlace(string message)
    {
        var end = message.StartsWith('(') ? message.IndexOf("): ", StringComparison.Ordinal) : -1;
        var bare = end < 0 ? message : message[(end + "): ".Length)..];
        return bare.EndsWith('.') ? bare : bare + ".";
    }
}
