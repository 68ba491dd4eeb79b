namespace LlmProxy.Providers;

/// <summary>
/// A pattern for a whole parameter value: <c>*</c> any run of characters, <c>?</c> one, <c>[a-z]</c> one of a class
/// (<c>[^a-z]</c> one that is not), <c>\</c> takes away a character's meaning. No wildcard matches a slash.
/// </summary>
/// <remarks>
/// Not a regular expression, because those can be made to run for ever. Here a star gives way to the next star and is
/// never tried again, so the work is at most the length of the value times the length of the pattern.
/// </remarks>
internal sealed class Glob
{
    /// <summary>Longer than any model name; keeps the work per character of a value small.</summary>
    public const int LengthMax = 256;

    private readonly Element[] _elements;

    private Glob(string pattern, Element[] elements) => (Pattern, _elements) = (pattern, elements);

    private enum Kind
    {
        Literal,
        AnyOne,
        AnyRun,
        Class,
    }

    public string Pattern { get; }

    /// <summary>The compiled pattern, or null with a clause that says what is wrong with it.</summary>
    public static Glob? Parse(string pattern, out string wrong)
    {
        wrong = pattern.Length switch
        {
            0 => "is empty",
            > LengthMax => $"is longer than {LengthMax} characters",
            _ => string.Empty,
        };
        var elements = new List<Element>();
        for (var i = 0; wrong.Length == 0 && i < pattern.Length;)
        {
            switch (pattern[i++])
            {
                case '*' when elements is [.., { Kind: Kind.AnyRun }]:
                    break;
                case '*':
                    elements.Add(new Element(Kind.AnyRun));
                    break;
                case '?':
                    elements.Add(new Element(Kind.AnyOne));
                    break;
                case '[':
                    elements.Add(ParseClass(pattern, ref i, out wrong));
                    break;
                case '\\' when i == pattern.Length:
                    wrong = "ends in a backslash that escapes nothing";
                    break;
                case '\\':
                    elements.Add(new Element(Kind.Literal, pattern[i++]));
                    break;
                case var literal:
                    elements.Add(new Element(Kind.Literal, literal));
                    break;
            }
        }

        return wrong.Length == 0 ? new Glob(pattern, [.. elements]) : null;
    }

    public bool Matches(ReadOnlySpan<char> text) => Matches(text, out _);

    /// <summary>Tells also how many characters were compared, which a test holds against the promise above.</summary>
    internal bool Matches(ReadOnlySpan<char> text, out long steps)
    {
        steps = 0;
        var (at, element) = (0, 0);
        var (starElement, starAt) = (-1, 0);
        while (at < text.Length || element < _elements.Length)
        {
            steps++;
            if (element < _elements.Length && _elements[element].Kind == Kind.AnyRun)
            {
                (starElement, starAt) = (element++, at);
            }
            else if (element < _elements.Length && at < text.Length && _elements[element].Accepts(text[at]))
            {
                (at, element) = (at + 1, element + 1);
            }
            else if (starElement >= 0 && starAt < text.Length && text[starAt] != '/')
            {
                // The latest star takes one character more. An earlier one need not be tried again: what lies between
                // them was matched as far left as it goes, and neither can pass a slash.
                (at, element) = (++starAt, starElement + 1);
            }
            else
            {
                return false;
            }
        }

        return true;
    }

    public override string ToString() => Pattern;

    private static Element ParseClass(string pattern, ref int i, out string wrong)
    {
        var isNegated = i < pattern.Length && pattern[i] == '^';
        i += isNegated ? 1 : 0;
        var ranges = new List<(char First, char Last)>();
        while (i < pattern.Length && pattern[i] != ']')
        {
            if (!TryReadClassCharacter(pattern, ref i, out var first))
            {
                wrong = "has a '-' in a class that joins no two characters; write \\- for the character";
                return default;
            }

            var last = first;
            if (i < pattern.Length && pattern[i] == '-')
            {
                i++;
                if (i == pattern.Length || pattern[i] == ']' || !TryReadClassCharacter(pattern, ref i, out last))
                {
                    wrong = "has a range without an end";
                    return default;
                }
            }

            if (last < first)
            {
                wrong = $"has the range {first}-{last}, which runs backwards";
                return default;
            }

            ranges.Add((first, last));
        }

        wrong = i == pattern.Length ? "has a '[' without a ']'"
            : ranges.Count == 0 ? "has an empty class"
            : string.Empty;
        i++;
        return new Element(Kind.Class) { Ranges = [.. ranges], IsNegated = isNegated };
    }

    private static bool TryReadClassCharacter(string pattern, ref int i, out char character)
    {
        character = pattern[i++];
        if (character != '\\')
        {
            return character != '-';
        }

        if (i == pattern.Length)
        {
            return false;
        }

        character = pattern[i++];
        return true;
    }

    private readonly record struct Element(Kind Kind, char Literal = default)
    {
        public (char First, char Last)[]? Ranges { get; init; }

        public bool IsNegated { get; init; }

        public bool Accepts(char character) => Kind switch
        {
            Kind.Literal => character == Literal,
            Kind.AnyOne => character != '/',
            Kind.Class => character != '/' && IsInRange(character) != IsNegated,
            _ => false,
        };

        private bool IsInRange(char character)
        {
            foreach (var (first, last) in Ranges!)
            {
                if (character >= first && character <= last)
                {
                    return true;
                }
            }

            return false;
        }
    }
}
