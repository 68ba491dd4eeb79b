using System.Globalization;
using LlmProxy.Http;

namespace LlmProxy.Management;

/// <summary>
/// The query of a list request. Parameters that the list does not have, or that are given twice, are refused with
/// their name: a misspelt filter would show more than was asked for.
/// </summary>
internal sealed class ListQuery
{
    public const int LimitMax = 100;
    public const int LimitDefault = 50;

    private static readonly string[] TimeFormats =
        ["yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK"];

    private readonly IQueryCollection _query;

    private ListQuery(IQueryCollection query) => _query = query;

    /// <summary>The first thing that is wrong. Ask when everything was read.</summary>
    public Problem? Problem { get; private set; }

    /// <param name="request">The request of a list.</param>
    /// <param name="filters">What the list takes besides <c>limit</c> and <c>cursor</c>.</param>
    public static ListQuery Of(HttpRequest request, params ReadOnlySpan<string> filters)
    {
        var query = new ListQuery(request.Query);
        foreach (var (name, values) in request.Query)
        {
            if (name is not ("limit" or "cursor") && !filters.Contains(name))
            {
                query.Problem ??= Problems.UnknownParameter(name);
            }

            if (values.Count > 1)
            {
                query.Problem ??= Problems.InvalidField(name, "be given once");
            }
        }

        return query;
    }

    public int Limit()
    {
        if (Text("limit") is not { } text)
        {
            return LimitDefault;
        }

        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var limit)
            && limit is >= 1 and <= LimitMax)
        {
            return limit;
        }

        Refuse("limit", $"be a whole number from 1 to {LimitMax}");
        return LimitDefault;
    }

    public bool Switch(string name)
    {
        var text = Text(name);
        if (text is not (null or "true" or "false"))
        {
            Refuse(name, "be true or false");
        }

        return text == "true";
    }

    public Guid? Id(string name)
    {
        if (Text(name) is not { } text)
        {
            return null;
        }

        if (Guid.TryParseExact(text, "D", out var id))
        {
            return id;
        }

        Refuse(name, "be a UUID");
        return null;
    }

    /// <summary>Any text up to a length; null when it is not given.</summary>
    public string? Text(string name, int lengthMax)
    {
        var text = Text(name);
        if (text?.Length > lengthMax)
        {
            Refuse(name, $"have at most {lengthMax} characters");
        }

        return text;
    }

    /// <summary>One of a few words; null when it is not given.</summary>
    public string? Word(string name, IReadOnlyList<string> words)
    {
        var text = Text(name);
        if (text is not null && !words.Contains(text, StringComparer.Ordinal))
        {
            Refuse(name, $"be one of {string.Join(", ", words)}");
        }

        return text;
    }

    /// <summary>Some of a few words, with commas between them, each once; none when it is not given.</summary>
    public IReadOnlyList<string> Words(string name, IReadOnlyList<string> words)
    {
        var given = Text(name)?.Split(',') ?? [];
        if (given.Distinct(StringComparer.Ordinal).Count() == given.Length
            && Array.TrueForAll(given, word => words.Contains(word, StringComparer.Ordinal)))
        {
            return given;
        }

        Refuse(name, $"be some of {string.Join(", ", words)}, each once, with commas between them");
        return [];
    }

    /// <summary>An instant; null when it is not given.</summary>
    public DateTimeOffset? Time(string name)
    {
        if (Text(name) is not { } text)
        {
            return null;
        }

        // A time without an offset would mean one thing here and another on the caller's machine.
        if (text.Length > 0 && (text[^1] == 'Z' || text.LastIndexOfAny(['+', '-']) == text.Length - 6)
            && DateTimeOffset.TryParseExact(
                text, TimeFormats, CultureInfo.InvariantCulture, DateTimeStyles.None, out var time))
        {
            return time;
        }

        Refuse(name, "be an RFC 3339 time with its offset, with + written as %2B");
        return null;
    }

    /// <summary>Where the page before this one ended; null on the first page.</summary>
    public string? Position(PageCursor cursors, string list)
    {
        if (Text("cursor") is not { } cursor)
        {
            return null;
        }

        var position = cursors.Read(list, cursor);
        if (position is null)
        {
            Problem ??= Problems.InvalidCursor;
        }

        return position;
    }

    private string? Text(string name) => _query.TryGetValue(name, out var values) ? values.ToString() : null;

    /// <summary>Notes that a parameter is wrong, unless something was wrong before.</summary>
    public void Refuse(string name, string expectation) => Problem ??= Problems.InvalidField(name, expectation);
}
