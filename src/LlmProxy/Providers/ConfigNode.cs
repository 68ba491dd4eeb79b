namespace LlmProxy.Providers;

/// <summary>
/// A part of a YAML document that knows where it stands, so that a complaint can say so. It is a text, a list, a map,
/// or null (left out, <c>null</c>, <c>~</c>): exactly one of them.
/// </summary>
internal sealed record ConfigNode(ConfigPlace Place)
{
    public string? Text { get; init; }

    /// <summary>The text stands in quotes or in a block, so that it is never a number or a truth value.</summary>
    public bool IsQuoted { get; init; }

    public IReadOnlyList<ConfigNode>? Items { get; init; }

    /// <summary>In the order of the file; no two keys are alike.</summary>
    public IReadOnlyList<ConfigEntry>? Entries { get; init; }

    public bool IsNull => Text is null && Items is null && Entries is null;
}

/// <summary>One key of a map and its value.</summary>
internal readonly record struct ConfigEntry(string Key, ConfigPlace Place, ConfigNode Value);

/// <summary>Line and column, both from 1.</summary>
internal sealed record ConfigPlace(long Line, long Column);

/// <summary>Why reading cannot go on, and where. Thrown and caught while a provider file is read.</summary>
internal sealed class ConfigFault(ConfigPlace place, string sentence) : Exception(sentence)
{
    public ConfigPlace Place => place;
}
