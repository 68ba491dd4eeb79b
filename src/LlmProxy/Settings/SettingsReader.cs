using System.Globalization;

namespace LlmProxy.Settings;

/// <summary>A setting as the documentation shows it.</summary>
/// <param name="Name">The environment variable.</param>
/// <param name="Default">The default as one would type it; empty when there is none.</param>
/// <param name="Meaning">One sentence.</param>
internal sealed record Setting(string Name, string Default, string Meaning);

/// <summary>
/// Reads settings: flag, then environment, then <c>.env</c> file, then default. Features ask for what they need and
/// describe it in the same breath, so the table in the README cannot know a setting that nobody reads. Whatever is
/// wrong is collected, so that the operator sees all of it at once, each with its name.
/// </summary>
internal sealed class SettingsReader(
    IReadOnlyDictionary<string, string?> flags,
    IReadOnlyDictionary<string, string> environment,
    IReadOnlyList<EnvEntry> file)
{
    private readonly Dictionary<string, Setting> _known = new(StringComparer.Ordinal);
    private readonly List<string> _complaints = [];

    /// <summary>Everything that was asked for, in the order of asking.</summary>
    public IReadOnlyCollection<Setting> Known => _known.Values;

    /// <summary>What is wrong, one sentence each.</summary>
    public IReadOnlyList<string> Complaints => _complaints;

    public void Complain(string sentence) => _complaints.Add(sentence);

    public string Text(string name, string byDefault, string meaning) => Find(name, byDefault, meaning) ?? byDefault;

    public string? TextOrNull(string name, string meaning) => Find(name, string.Empty, meaning);

    public long Number(string name, long byDefault, long min, long max, string meaning)
    {
        var text = Find(name, byDefault.ToString(CultureInfo.InvariantCulture), meaning);
        if (text is null)
        {
            return byDefault;
        }

        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number >= min && number <= max)
        {
            return number;
        }

        Complain($"{name} must be a whole number from {min} to {max}, not '{Shown(text)}'.");
        return byDefault;
    }

    public bool Switch(string name, bool byDefault, string meaning)
    {
        var text = Find(name, byDefault ? "true" : "false", meaning);
        switch (text?.ToLowerInvariant())
        {
            case null:
                return byDefault;
            case "true" or "1" or "yes" or "on":
                return true;
            case "false" or "0" or "no" or "off":
                return false;
            default:
                Complain($"{name} must be true or false, not '{Shown(text)}'.");
                return byDefault;
        }
    }

    public TimeSpan Duration(string name, TimeSpan byDefault, TimeSpan min, TimeSpan max, string meaning)
    {
        var text = Find(name, GoDuration.Format(byDefault), meaning);
        if (text is null)
        {
            return byDefault;
        }

        if (GoDuration.TryParse(text, out var duration) && duration >= min && duration <= max)
        {
            return duration;
        }

        Complain($"{name} must be a duration from {GoDuration.Format(min)} to {GoDuration.Format(max)} "
            + $"such as 90s, 5m or 1h30m, not '{Shown(text)}'.");
        return byDefault;
    }

    /// <summary>
    /// A setting with a form of its own. <paramref name="parse"/> answers null for what it cannot read;
    /// <paramref name="expected"/> completes the sentence "NAME must be …".
    /// </summary>
    public T Parsed<T>(string name, string byDefault, Func<string, T?> parse, string expected, string meaning)
        where T : class
    {
        var text = Find(name, byDefault, meaning);
        if (text is not null && parse(text) is { } value)
        {
            return value;
        }

        if (text is not null)
        {
            Complain($"{name} must be {expected}, not '{Shown(text)}'.");
        }

        return parse(byDefault)!;
    }

    /// <summary>One word out of a fixed set.</summary>
    public string Choice(string name, string byDefault, IReadOnlyList<string> words, string meaning) =>
        Parsed(name, byDefault,
            text => words.FirstOrDefault(word => word.Equals(text, StringComparison.OrdinalIgnoreCase)),
            $"one of {string.Join(", ", words)}", meaning);

    /// <summary>
    /// Tells of a name that another command reads, so that it may stand in the same <c>.env</c> file.
    /// </summary>
    public void AlsoKnown(string name, string meaning) => _known.TryAdd(name, new Setting(name, string.Empty, meaning));

    /// <summary>
    /// Complains of names that nothing reads: all of them in the <c>.env</c> file, which is ours alone; in the
    /// environment, which is everybody's, those that start like ours or are a slip of the finger away from one.
    /// Call it when every feature has asked for its settings.
    /// </summary>
    public void RefuseUnknown()
    {
        foreach (var entry in file.Where(entry => !_known.ContainsKey(entry.Name)))
        {
            Complain($"{entry.Name} (line {entry.Line} of the .env file) is not a setting{Suggestion(entry.Name)}.");
        }

        foreach (var name in environment.Keys.Where(name => !_known.ContainsKey(name) && LooksLikeOurs(name)))
        {
            Complain($"{name} is not a setting{Suggestion(name)}.");
        }
    }

    private string? Find(string name, string byDefault, string meaning)
    {
        _known[name] = new Setting(name, byDefault, meaning);
        if (flags.TryGetValue(name, out var flag) && flag is not null)
        {
            return flag;
        }

        // An empty variable is how a shell or a compose file says "not set".
        if (environment.TryGetValue(name, out var variable) && variable.Length > 0)
        {
            return variable;
        }

        var last = file.LastOrDefault(entry => entry.Name == name).Value;
        return string.IsNullOrEmpty(last) ? null : last;
    }

    private bool LooksLikeOurs(string name) =>
        name.StartsWith("LLM_PROXY_", StringComparison.Ordinal) || Nearest(name) is not null;

    private string Suggestion(string name) =>
        Nearest(name) is { } nearest ? $"; did you mean {nearest}?" : string.Empty;

    private string? Nearest(string name) =>
        name.Length < 8 ? null : _known.Keys.FirstOrDefault(known => Distance(name, known) is 1 or 2);

    // A wrong value may be a secret that was put under the wrong name: show its beginning only.
    private static string Shown(string text) => text.Length <= 24 ? text : string.Concat(text.AsSpan(0, 20), "…");

    /// <summary>Levenshtein distance, given up beyond 2.</summary>
    private static int Distance(string left, string right)
    {
        if (Math.Abs(left.Length - right.Length) > 2)
        {
            return 3;
        }

        var row = Enumerable.Range(0, right.Length + 1).ToArray();
        for (var i = 1; i <= left.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= right.Length; j++)
            {
                var substituted = diagonal + (left[i - 1] == right[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(substituted, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[^1];
    }
}
