using System.Globalization;
using LlmProxy.Settings;

namespace LlmProxy.Providers;

/// <summary>
/// A map of the provider file, read key by key. What is wrong becomes a complaint with file, line and column, and the
/// default goes on in its place, so that the operator sees everything at once. Keys that nobody asked for are unknown.
/// </summary>
internal sealed class ConfigSection(ConfigNode node, string path, ConfigComplaints complaints)
{
    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);

    public ConfigPlace Place => node.Place;

    public IReadOnlyList<ConfigEntry> Entries => node.Entries!;

    /// <summary>The name of a key as complaints show it: <c>apis.openai.base_url</c>.</summary>
    public string NameOf(string key) => path.Length == 0 ? key : $"{path}.{key}";

    /// <summary>The value's node, or null when there is none.</summary>
    public ConfigNode? Find(string key)
    {
        _asked.Add(key);
        foreach (var entry in Entries)
        {
            if (entry.Key == key)
            {
                return entry.Value.IsNull ? null : entry.Value;
            }
        }

        return null;
    }

    public ConfigNode? Text(string key)
    {
        var value = Find(key);
        if (value is { Text: null })
        {
            complaints.Add(value.Place, $"{NameOf(key)} must be a single value.");
            return null;
        }

        return value;
    }

    /// <summary>The texts of a list; none when it is not there.</summary>
    public IReadOnlyList<ConfigNode> Texts(string key) => Find(key) is { } value ? TextsOf(value, NameOf(key)) : [];

    /// <summary>The texts of a list that is a node of its own.</summary>
    public IReadOnlyList<ConfigNode> TextsOf(ConfigNode list, string name)
    {
        if (list.Items is null)
        {
            complaints.Add(list.Place, $"{name} must be a list, one '- value' a line.");
            return [];
        }

        foreach (var item in list.Items.Where(static item => item.Text is null))
        {
            complaints.Add(item.Place, $"{name} must hold single values only.");
        }

        return [.. list.Items.Where(static item => item.Text is not null)];
    }

    /// <summary>A map below this one; null when it is not there.</summary>
    public ConfigSection? Section(string key)
    {
        var value = Find(key);
        if (value is { Entries: null })
        {
            complaints.Add(value.Place, $"{NameOf(key)} must be a map of keys and values.");
            return null;
        }

        return value is null ? null : new ConfigSection(value, NameOf(key), complaints);
    }

    /// <summary>The maps of a list below this one; none when it is not there.</summary>
    public IReadOnlyList<ConfigSection> Sections(string key)
    {
        var value = Find(key);
        if (value is not null && (value.Items is null || value.Items.Any(static item => item.Entries is null)))
        {
            complaints.Add(value.Place, $"{NameOf(key)} must be a list of maps, each with a '-' before its first key.");
            return [];
        }

        return [.. (value?.Items ?? []).Select(item => new ConfigSection(item, NameOf(key), complaints))];
    }

    public TimeSpan Duration(string key, TimeSpan byDefault, TimeSpan min, TimeSpan max)
    {
        if (Text(key) is not { } value)
        {
            return byDefault;
        }

        if (GoDuration.TryParse(value.Text, out var duration) && duration >= min && duration <= max)
        {
            return duration;
        }

        complaints.Add(value.Place, $"{NameOf(key)} must be a duration from {GoDuration.Format(min)} to "
            + $"{GoDuration.Format(max)} such as 500ms, 90s or 1m30s.");
        return byDefault;
    }

    public int Number(string key, int byDefault, int max)
    {
        if (Text(key) is not { } value)
        {
            return byDefault;
        }

        if (int.TryParse(value.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= max)
        {
            return number;
        }

        complaints.Add(value.Place, $"{NameOf(key)} must be a whole number from 0 to {max}.");
        return byDefault;
    }

    /// <summary>Call it when everything was asked for.</summary>
    public void RefuseUnknown()
    {
        foreach (var entry in Entries.Where(entry => !_asked.Contains(entry.Key)))
        {
            complaints.Add(entry.Place,
                $"{NameOf(entry.Key)} is not a setting; known here are {string.Join(", ", _asked)}.");
        }
    }
}

/// <summary>Says where in the file something is wrong.</summary>
internal sealed class ConfigComplaints(string file, Action<string> complain)
{
    public void Add(ConfigPlace place, string sentence) => complain(string.Create(
        CultureInfo.InvariantCulture, $"{file}:{place.Line}:{place.Column}: {sentence}"));
}
