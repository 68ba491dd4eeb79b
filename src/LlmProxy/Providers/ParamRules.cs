using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using LlmProxy.Http;
using Microsoft.Net.Http.Headers;

namespace LlmProxy.Providers;

/// <summary>
/// <c>param_whitelist</c>: which values some top-level parameters of a JSON body may have. What cannot be read in
/// exactly one way is refused, because the provider might read it in the other.
/// </summary>
internal sealed class ParamRules
{
    // A body with more members, or longer names, is no API request; judging it would only cost memory.
    private const int MembersMax = 1000;
    private const int NameBytesMax = 1000;

    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    private static readonly JsonReaderOptions StrictJson =
        new() { MaxDepth = 64, CommentHandling = JsonCommentHandling.Disallow, AllowTrailingCommas = false };

    private readonly Dictionary<string, ParamRule> _rules;

    public ParamRules(IEnumerable<ParamRule> rules) =>
        _rules = rules.ToDictionary(static rule => rule.Name, StringComparer.OrdinalIgnoreCase);

    public bool IsEmpty => _rules.Count == 0;

    /// <summary>An empty body is allowed: no parameter is there.</summary>
    public Refusal? Judge(HttpRequest request, ReadOnlySequence<byte> body)
    {
        if (body.IsEmpty)
        {
            return null;
        }

        if (!IsPlainJson(request.Headers))
        {
            return Refusal.UnsupportedBody;
        }

        try
        {
            return IsUtf8(body) ? JudgeMembers(body) : Refusal.InvalidBody;
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException)
        {
            // Not JSON (JsonException), or a name or a judged value with half a surrogate pair.
            return Refusal.InvalidBody;
        }
    }

    private Refusal? JudgeMembers(in ReadOnlySequence<byte> body)
    {
        var reader = new Utf8JsonReader(body, StrictJson);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return Refusal.InvalidBody;
        }

        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (seen.Count == MembersMax || LengthOf(reader) > NameBytesMax)
            {
                return Refusal.InvalidBody;
            }

            var name = Fold(reader.GetString()!);
            if (!seen.Add(name))
            {
                return Refusal.InvalidBody;
            }

            reader.Read();
            if (_rules.TryGetValue(name, out var rule) && rule.Judge(reader) is { } refusal)
            {
                return refusal;
            }

            reader.Skip();
        }

        // Throws when anything but white space follows the object.
        return reader.Read() ? Refusal.InvalidBody : null;
    }

    /// <summary>
    /// Providers written in Go take <c>Model</c>, and <c>max_toKens</c> with a Kelvin sign, for the lower-case name
    /// (encoding/json folds case as Unicode does), so names that differ in case only are the same name here.
    /// </summary>
    private static string Fold(string name) => name.Replace('\u212A', 'k').Replace('\u017F', 's');

    private static bool IsPlainJson(IHeaderDictionary headers)
    {
        foreach (var coding in headers.ContentEncoding)
        {
            if (!"identity".Equals(coding, StringComparison.OrdinalIgnoreCase))
            {
                return false;
            }
        }

        return headers.ContentType is [{ } type]
            && MediaTypeHeaderValue.TryParse(type, out var media)
            && media.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
            && media.Parameters.All(static parameter =>
                !parameter.Name.Equals("charset", StringComparison.OrdinalIgnoreCase)
                || HeaderUtilities.RemoveQuotes(parameter.Value).Equals("utf-8", StringComparison.OrdinalIgnoreCase));
    }

    private static bool IsUtf8(in ReadOnlySequence<byte> body)
    {
        if (body.IsSingleSegment)
        {
            return System.Text.Unicode.Utf8.IsValid(body.FirstSpan);
        }

        var decoder = StrictUtf8.GetDecoder();
        Span<char> ignored = stackalloc char[1024];
        try
        {
            foreach (var segment in body)
            {
                for (var rest = segment.Span; !rest.IsEmpty;)
                {
                    decoder.Convert(rest, ignored, flush: false, out var used, out _, out _);
                    rest = rest[used..];
                }
            }

            // A character that is cut off at the end needs no look: no JSON ends like that.
            return true;
        }
        catch (DecoderFallbackException)
        {
            return false;
        }
    }

    internal static long LengthOf(in Utf8JsonReader reader) =>
        reader.HasValueSequence ? reader.ValueSequence.Length : reader.ValueSpan.Length;
}

/// <summary>The values that one parameter may have.</summary>
internal sealed class ParamRule(string name, IReadOnlyList<Glob> allowed)
{
    // Longer than any value that a person would put in a list, short enough to match at once.
    private const int ValueBytesMax = 8 * 1024;
    private const int ShownCharactersMax = 100;
    private const int ShownPatternsMax = 20;

    private readonly string _patterns = string.Join(", ", allowed.Take(ShownPatternsMax))
        + (allowed.Count > ShownPatternsMax ? ", …" : string.Empty);

    public string Name => name;

    public IReadOnlyList<Glob> Allowed => allowed;

    /// <summary>Judges the value the reader stands on. No pattern can allow null, a list or an object.</summary>
    public Refusal? Judge(in Utf8JsonReader reader)
    {
        var text = reader.TokenType switch
        {
            _ when ParamRules.LengthOf(reader) > ValueBytesMax => null,
            JsonTokenType.String => reader.GetString(),
            JsonTokenType.Number or JsonTokenType.True or JsonTokenType.False => RawText(reader),
            _ => null,
        };
        if (text is not null)
        {
            foreach (var glob in allowed)
            {
                if (glob.Matches(text))
                {
                    return null;
                }
            }
        }

        var shown = text is not null ? $"value '{Shown(text)}'" : reader.TokenType switch
        {
            JsonTokenType.Null => "value null",
            JsonTokenType.StartArray => "list",
            JsonTokenType.StartObject => "object",
            _ => "value, which is too long,",
        };
        return Refusal.ParamNotAllowed with
        {
            Message = $"The {shown} of parameter '{name}' is not allowed. Allowed are: {_patterns}.",
            Param = name,
        };
    }

    private static string RawText(in Utf8JsonReader reader) => reader.HasValueSequence
        ? Encoding.ASCII.GetString(reader.ValueSequence)
        : Encoding.ASCII.GetString(reader.ValueSpan);

    /// <summary>The beginning of a stranger's value, without what could forge a line or turn its text round.</summary>
    private static string Shown(string text)
    {
        var shown = new StringBuilder(ShownCharactersMax);
        foreach (var rune in text.EnumerateRunes())
        {
            if (shown.Length >= ShownCharactersMax)
            {
                return shown.Append('…').ToString();
            }

            if (Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format
                or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator))
            {
                shown.Append(rune.ToString());
            }
        }

        return shown.ToString();
    }
}
