using LlmProxy.Http;
using Microsoft.Extensions.Primitives;

namespace LlmProxy.Caching;

/// <summary>
/// What an answer says about keeping it (RFC 9111 §5.2.2): its <c>Cache-Control</c>, or the first targeted field that
/// is there and valid (RFC 9213). Lifetimes are seconds, null where it says nothing; one that cannot be read is 0, and
/// of several the least counts (RFC 9111 §4.2.1).
/// </summary>
internal sealed class ResponseDirectives
{
    private const string CacheControl = "Cache-Control";

    private ResponseDirectives()
    {
    }

    public bool NoStore { get; private set; }

    /// <summary>Without field names; an answer that is to be validated before each use.</summary>
    public bool NoCache { get; private set; }

    /// <summary>Fields that must not be sent again without a validation.</summary>
    public IReadOnlyList<string> NoCacheFields { get; private set; } = [];

    /// <summary>Without field names; an answer that is no business of a shared cache.</summary>
    public bool Private { get; private set; }

    /// <summary>Fields that are no business of a shared cache.</summary>
    public IReadOnlyList<string> PrivateFields { get; private set; } = [];

    public bool Public { get; private set; }

    public bool MustRevalidate { get; private set; }

    public bool ProxyRevalidate { get; private set; }

    public bool MustUnderstand { get; private set; }

    public long? MaxAge { get; private set; }

    public long? SMaxAge { get; private set; }

    public long? StaleWhileRevalidate { get; private set; }

    public long? StaleIfError { get; private set; }

    /// <summary>They are from a targeted field: <c>Cache-Control</c> and <c>Expires</c> mean nothing here.</summary>
    public bool AreTargeted { get; private set; }

    /// <param name="fields">The answer's.</param>
    /// <param name="targeted">The names of targeted fields that are for this cache, the most important first.</param>
    public static ResponseDirectives Read(IReadOnlyList<HeaderField> fields, IReadOnlyList<string> targeted)
    {
        var read = new ResponseDirectives();
        for (var i = 0; i < targeted.Count; i++)
        {
            var lines = fields.Find(targeted[i]);
            if (lines.Count > 0 && StructuredDictionary.Read(lines) is { } members)
            {
                read.ApplyTargeted(members);
                return read;
            }
        }

        read.ApplyLines(fields.Find(CacheControl));
        return read;
    }

    private void ApplyLines(StringValues lines)
    {
        for (var i = 0; i < lines.Count; i++)
        {
            var directives = new DirectiveReader(lines[i]);
            while (directives.MoveNext())
            {
                Apply(directives.Name, directives.HasValue ? directives.Value : null, directives.SecondsOr(0)!.Value);
            }
        }
    }

    private void ApplyTargeted(Dictionary<string, StructuredValue> members)
    {
        AreTargeted = true;
        foreach (var (name, value) in members)
        {
            // A value of a type that is not the directive's says nothing that could be relied on (RFC 9213 §2.1).
            var seconds = value.Type == StructuredType.Integer && DeltaSeconds.TryParse(value.Text, out var read)
                ? read
                : 0;
            if (value.Type != StructuredType.False)
            {
                Apply(name, value.Type is StructuredType.String or StructuredType.Token ? value.Text : null, seconds);
            }
        }
    }

    private void Apply(ReadOnlySpan<char> name, ReadOnlySpan<char> value, long seconds)
    {
        if (Is(name, "max-age"))
        {
            MaxAge = Math.Min(MaxAge ?? long.MaxValue, seconds);
        }
        else if (Is(name, "s-maxage"))
        {
            SMaxAge = Math.Min(SMaxAge ?? long.MaxValue, seconds);
        }
        else if (Is(name, "stale-while-revalidate"))
        {
            StaleWhileRevalidate = Math.Min(StaleWhileRevalidate ?? long.MaxValue, seconds);
        }
        else if (Is(name, "stale-if-error"))
        {
            StaleIfError = Math.Min(StaleIfError ?? long.MaxValue, seconds);
        }
        else if (Is(name, "no-cache"))
        {
            var fields = ReadFields(value);
            NoCache |= fields is null;
            NoCacheFields = [.. NoCacheFields, .. fields ?? []];
        }
        else if (Is(name, "private"))
        {
            var fields = ReadFields(value);
            Private |= fields is null;
            PrivateFields = [.. PrivateFields, .. fields ?? []];
        }
        else
        {
            NoStore |= Is(name, "no-store");
            Public |= Is(name, "public");
            MustRevalidate |= Is(name, "must-revalidate");
            ProxyRevalidate |= Is(name, "proxy-revalidate");
            MustUnderstand |= Is(name, "must-understand");
        }
    }

    /// <summary>
    /// The fields that a directive is limited to. Null, which is all of the answer, when it names none, something that
    /// is no name, or a field without which the body cannot be understood.
    /// </summary>
    private static List<string>? ReadFields(ReadOnlySpan<char> value)
    {
        var names = new List<string>();
        foreach (var range in value.Split(','))
        {
            var name = value[range].Trim(" \t");
            if (name.IsEmpty)
            {
                continue;
            }

            if (!HeaderName.IsValid(name) || name.StartsWith("Content-", StringComparison.OrdinalIgnoreCase))
            {
                return null;
            }

            names.Add(name.ToString());
        }

        return names.Count == 0 ? null : names;
    }

    private static bool Is(ReadOnlySpan<char> name, ReadOnlySpan<char> directive) =>
        name.Equals(directive, StringComparison.OrdinalIgnoreCase);
}
