namespace LlmProxy.Usage.Statistics;

/// <summary>
/// Which model names get rows of their own. Names come from clients, who could make up a new one for each request; so
/// a token has <see cref="NamesMax"/> of them in a minute, and the rest is one row. Not for several threads at once.
/// </summary>
/// <remarks>
/// Some of a minute's names are everybody's: the first ones that anybody used. Nearly always these are all, and then
/// nothing is remembered of a token.
/// </remarks>
internal sealed class ModelLabels
{
    public const string Other = "other";
    public const int NamesMax = 200;
    public const int LengthMax = 128;

    private const int SharedMax = 32;

    // Over all tokens, so that many tokens cannot do together what one cannot do alone.
    private const int AllNamesMax = 100_000;

    private readonly Dictionary<long, HashSet<string>> _shared = [];
    private readonly Dictionary<(Guid TokenId, long Minute), Names> _names = [];
    private int _count;
    private long _newest = long.MinValue;

    /// <summary>The name itself, <see cref="Other"/>, or nothing when there is no name.</summary>
    /// <param name="tokenId">Whose request it was.</param>
    /// <param name="minute">The minute that the exchange counts for.</param>
    /// <param name="model">As it came from outside.</param>
    public string Of(Guid tokenId, long minute, string? model)
    {
        if (string.IsNullOrEmpty(model))
        {
            return string.Empty;
        }

        if (model.Length > LengthMax || HasOddCharacter(model))
        {
            return Other;
        }

        ForgetBefore(minute);

        // What is late by more than a minute shares the set of the minute before the newest one.
        var minuteOfSet = Math.Max(minute, _newest - UsageIntervals.Minute);
        if (IsShared(minuteOfSet, model))
        {
            return model;
        }

        _names.TryGetValue((tokenId, minuteOfSet), out var names);
        if (names.Contains(model))
        {
            return model;
        }

        if (names.Count >= NamesMax - SharedMax || _count >= AllNamesMax)
        {
            return Other;
        }

        _names[(tokenId, minuteOfSet)] = names.With(model);
        _count++;
        return model;
    }

    private bool IsShared(long minute, string model)
    {
        if (!_shared.TryGetValue(minute, out var names))
        {
            names = new HashSet<string>(StringComparer.Ordinal);
            _shared.Add(minute, names);
        }

        return names.Contains(model) || (names.Count < SharedMax && names.Add(model));
    }

    private void ForgetBefore(long minute)
    {
        if (minute <= _newest)
        {
            return;
        }

        _newest = minute;
        foreach (var of in _shared.Keys)
        {
            if (of < minute - UsageIntervals.Minute)
            {
                _shared.Remove(of);
            }
        }

        foreach (var ((token, of), names) in _names)
        {
            if (of < minute - UsageIntervals.Minute)
            {
                // The one change that a dictionary allows while it is walked through.
                _names.Remove((token, of));
                _count -= names.Count;
            }
        }
    }

    /// <summary>
    /// The names of one token in one minute, beside those of everybody. Nearly always that is one, for which a set
    /// would weigh 220 bytes.
    /// </summary>
    private readonly record struct Names(string? First, HashSet<string>? Others)
    {
        public int Count => First is null ? 0 : 1 + (Others?.Count ?? 0);

        public bool Contains(string name) => name == First || Others?.Contains(name) == true;

        public Names With(string name)
        {
            if (First is null)
            {
                return new Names(name, null);
            }

            var others = Others ?? new HashSet<string>(StringComparer.Ordinal);
            others.Add(name);
            return new Names(First, others);
        }
    }

    private static bool HasOddCharacter(string model)
    {
        foreach (var character in model)
        {
            if (char.IsControl(character) || char.IsSurrogate(character))
            {
                return true;
            }
        }

        return false;
    }
}
